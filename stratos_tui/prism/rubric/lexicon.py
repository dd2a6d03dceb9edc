"""Word lists of general English: what carries no subject, what levels, openings and other things to act on are called.

Everything here is common knowledge about words, never about one profile. Phrases are separated by commas; they are read
with the same tokeniser and stemmer as articles, so that inflections need not be listed.
"""

from __future__ import annotations

from typing import Final

_STOPWORDS: Final = """
    a about above after again against ago all almost along already also although always am among an and
    another any anyone anything are around as at away back be became because become been before being
    below between both but by came can cannot could d did do does doing done down during each either
    else enough etc even ever every everyone everything few first for from further gave get gets getting
    give given go goes going gone got had has have having he her here hers herself him himself his how
    however i if in instead into is it its itself just keep kept know last later least less let like
    likely ll made make makes making many may maybe me might mine more most much must my myself near
    need never next no nor not nothing now of off often on once one only onto or other others our ours
    out over own per perhaps put quite rather re really s said same saw say says see seen several shall
    she should since so some someone something soon still such t take taken than that the their theirs
    them themselves then there these they thing things this those though through thus till to today
    together told too took toward towards two under until up upon us use used uses using ve very via
    want wants was way we well went were what whatever when where whether which while who whoever whom
    whose why will with within without would yes yet you your yours yourself amid versus vs com www http
    https hours day days week weeks month months year years old new big small best top three four five
    six seven eight nine ten cent percent people man men woman women time times years' good great better
    high low large long short right left full part whole real key major latest early late recent
    recently currently current set sets show shows shown run runs come comes coming look looks looking
    find finds found work works working help helps helping start starts started end ends ended turn
    turns turned call calls called ask asks asked feel feels think thinks thought try tries tried move
    moves moved play live lives living read reads reading bring brings brought hold holds held follow
    follows followed watch watches member various multiple different based including include includes
    included specific none varied owner equally broadly running tracking track tracks focused interested
    interest interests across
"""
STOPWORDS: Final = frozenset(_STOPWORDS.split())

_GENERIC: Final = """
    global world international national market markets technology technologies tech management manager
    industry industries industrial policy policies development develop system systems service services
    business businesses company companies corporate group solution solutions trend trends news analysis
    analytics analyst strategy strategic growth innovation innovative digital data information platform
    platforms product products project projects program programme public private community social
    research report reports study studies science sciences professional practice planning plan plans
    process processing operation operations operating quality performance regulation regulations
    regulatory regulator compliance standard standards law laws rule rules career careers job jobs
    designer design specialist expert consultant consulting director head officer executive staff team
    investing funding price prices sales sale consumer customer customers user users content event
    events conference online internet web tool tools model models network networks center centre
    institute institution institutions university school college student students graduate graduates
    government federal state states department agency association society council foundation board city
    cities area region regional local country countries home house building buildings change changes
    future impact review update updates launch launches release releases issue issues question questions
    studio production producer advanced advance modern smart general technical application applications
    applied control equipment material materials supply chain demand value risk risks cost costs budget
    tax support workforce labor labour employment worker workers leadership leader creative creation art
    culture cultural theory techniques technique methods method access experience resource resources
    field fields sector sectors collecting club major open source monitoring assessment certification
    license licensing independent limited pricing rate rates volume activity activities asset assets
    infrastructure organization organisation initiative reform outreach governance opportunity
    opportunities facility facilities supplier suppliers senior lead junior life live living test
    testing announce announces announced provide provides offer offers offering explore post posts
    posted role roles share shares shared require required requires unite drive driven drives january
    february march april may june july august september october november december monday tuesday
    wednesday thursday friday saturday sunday today join joins position positions strong sign signs
    partner partners partnership continue continues deal deals expand expands expansion generation shift
    drill win wins increase increases target targets focus search acquire record insight insights free
    enhance outlook point points place places emerging million billion accelerate expect expected vision
    collaboration growing build builds built player players detail details remote skill skills feature
    features largest biggest enterprise significant capital view views discover article critical
    highlight highlights result results ensure seek seeks related comment comments secure add adds
    remain reach trust degree agreement challenge challenges season location card cards improve
    transition framework enter date assistant firm firms receive aim aims annual guide guides prepare
    core preferred hub boost beyond rise rising human carbon approach talk talks decision deliver edge
    host second link understand effort efforts adoption cross daily begin combine exchange deployment
    foreign ready case cases return returns simple complex chief reduce pay pays paid benefit benefits
    code step star form forms line lines hand hands name names night nights list lists book books word
    words file files note notes page pages box kitchen ground grow floor door window windows seat seats
    ticket term terms owner dog break stop close clear deep half rest stage scale level side front back
    top bottom cut hit fall falls lift raise carry leave stay stand sit turn wait waits save saves sell
    sells buy buys spend spends bring puts pull push opens opened size weight power hour minute story
    stories speak tell says letter message answer reader visit visits tour trip walk ride run friend
    friends homes room rooms street road town village park corner everyday ordinary hope hunts hunt
    hunting own owned observed grown made liked bought sold bit lot piece kind sort type class grade
    rank ranked score game
"""
GENERIC: Final = frozenset(_GENERIC.split())
"""Words that appear in most subjects: a match on one of them alone says next to nothing."""

_COMMON: Final = """
    africa america asia europe mobile cloud engine electric digital game games car cars vehicle vehicles
    oil gas water food travel music film video sport sports bank banks banking hospital patient
    treatment therapy clinical drug drugs war climate weather green sustainable sustainability storage
    transport transportation shipping fleet construction property retail fashion luxury brand brands
    marketing advertising commerce insurance accounting audit legal court startup startups venture
    founder equity credit debt loan payment payments currency gold silver machine learning automation
    robot chip chips computer computing hardware device devices phone network wireless server database
    brain heart child children family parent women youth teacher teaching class curriculum exam language
    history animal animals plant plants ocean sea land air earth fire storm flood crime police military
    defense defence election vote president minister parliament party union strike port airport road
    rail traffic energy emission emissions intelligence structure structural repair maintenance
    installation integration optimization medical health care space software stock stocks finance
    financial investment investor investors funds fund economic economy education training power
    environment environmental engineering engineer engineers media app apps security safety trade
    trading
"""
COMMON: Final = frozenset(_COMMON.split())
"""Words of one broad field each: a match on one of them alone is weak."""

SYNONYMS: Final = """
artificial intelligence | ai, a.i., generative ai, genai, gen ai, agentic ai
machine learning | ml, deep learning, neural network, neural networks
large language model | llm, llms, language model, chatbot, gpt
natural language processing | nlp
emergency room | emergency department, accident and emergency, a&e, emergency medicine, emergency care, \
emergency nursing
intensive care | icu, critical care
registered nurse | rn, nurse, nursing, nurses
physician | doctor, doctors, physicians, clinician
electric vehicle | electric vehicles, electric car, electric cars, evs, ev, e mobility, electromobility
merger | mergers, m&a, merger and acquisition, mergers and acquisitions, acquisition, acquisitions, \
takeover, acquires, to acquire
initial public offering | ipo, ipos, going public, stock market listing
private equity | buyout fund, leveraged buyout, lbo
venture capital | vc, seed round, series a, series b, series c, venture fund
startup | startups, start up, start ups
ecommerce | e commerce, online retail, online shopping
cryptocurrency | crypto, cryptocurrencies, bitcoin, ethereum, btc, stablecoin, stablecoins, altcoin, xrp
blockchain | web3, distributed ledger
fintech | financial technology, fintechs, neobank, digital bank, digital banking
cybersecurity | cyber security, infosec, information security, cyber
vulnerability | vulnerabilities, cve, exploit, exploited, zero day, zero days
ransomware | extortion malware
semiconductor | semiconductors, chip, chips, chipmaker, chipmakers, microchip, foundry, wafer
graphics card | gpu, gpus, graphics processor
quantum computing | quantum computer, quantum computers, qubit, qubits, quantum processor
renewable energy | renewables, clean energy, green energy
solar power | solar, photovoltaic, solar pv, solar panel
wind power | wind farm, wind energy, wind turbine, offshore wind
oil and gas | petroleum, crude oil, oilfield, hydrocarbon, oil company
liquefied natural gas | lng
carbon market | carbon markets, carbon credit, carbon credits, emissions trading, ets, carbon trading, \
carbon price
climate change | global warming, net zero, decarbonization, decarbonisation, climate
autonomous driving | self driving, autonomous vehicle, autonomous vehicles, robotaxi, driverless
unmanned aircraft | drone, drones, uav
video game | video games, gaming, videogame, videogames
esports | e sports, competitive gaming
virtual reality | vr, augmented reality, ar, xr, mixed reality
user experience | ux, usability, user interface, ui
human resources | hr, people operations, talent management
internet of things | iot, connected devices
real estate | property market, realty, housing market, property development
mortgage | home loan, mortgages, home loans
interest rate | interest rates, rate cut, rate hike, monetary policy, rate cuts
inflation | consumer prices, cpi
supply chain | supply chains, logistics
vaccination | vaccine, vaccines, immunization, immunisation, vaccinated
oncology | cancer, oncologist, tumor, tumour, oncology drug
antimicrobial resistance | antibiotic resistance, superbug, superbugs
immunotherapy | car t, checkpoint inhibitor
gene therapy | gene editing, crispr
pediatric | paediatric, children's hospital, child health
veterinary | veterinarian, veterinarians, vet, animal health
influencer marketing | influencer, influencers, content creator, creators, creator economy
social media | facebook, instagram, tiktok, youtube, linkedin
electric battery | battery, batteries, lithium ion, solid state battery
space exploration | spaceflight, spacecraft, space mission, astronaut, astronauts, rocket launch, lunar
astronomy | telescope, astronomer, astronomers, galaxy, galaxies, cosmic, stargazing, supernova
exoplanet | exoplanets, extrasolar planet
particle physics | collider, boson, quark, particle accelerator, higgs, muon
geopolitics | geopolitical, foreign policy, diplomacy, diplomatic
nuclear non proliferation | nuclear weapons, nuclear deal, nuclear talks, uranium enrichment, arms control
climate policy | climate talks, climate agreement, cop30, cop31
economics | economy, economist, economists, macroeconomic, economic
psychology | behavioral science, behavioural science, behavioral economics
accessibility | accessible design, disability access
formula 1 | f1, grand prix, formula one
football | soccer, premier league, champions league
machine tool | cnc, machining
three d printing | 3d printing, additive manufacturing
building information modeling | bim
heating ventilation air conditioning | hvac, air conditioning, heat pump, heat pumps, refrigerant, \
refrigerants
telehealth | telemedicine, virtual care
clinical trial | clinical trials, phase 3, phase 2, trial results
environmental social governance | esg, csrd, sustainability reporting
small business | small businesses, sme, smes
microfinance | microloan, microloans
remote work | telework, hybrid work, work from home
vegetable gardening | gardening, gardener, kitchen garden, garden
home cooking | recipe, recipes, cooking, baking, sourdough
graduate job | graduate programme, graduate program, graduate scheme, graduate trainee, trainee programme
"""
"""``canonical | phrases that mean the same in a news headline``."""

CASED: Final = {
    "IT": "information technology",
    "PR": "public relations",
    "AR": "virtual reality",
    "ER": "emergency room",
    "ED": "emergency room",
    "PE": "private equity",
}
"""Acronyms that are other words in small letters: they count in capitals only."""

OPENING: Final = """
hiring, now hiring, we are hiring, is hiring, job opening, job openings, vacancy, vacancies, apply now,
apply by, apply here, apply online, apply before, applications open, applications are open, accepting
applications, recruiting, recruitment drive, walk in interview, internship, internships, internship
programme, graduate programme, graduate program, graduate scheme, trainee programme, traineeship,
apprenticeship, job description, career opportunities, job alert, join our team, open positions, open
position, open roles, is recruiting, seeks candidates, seeking candidates, job fair, career fair, full time,
part time, salary range, years of experience, years experience, candidates, applicants, resume, cv, cover
letter, requisition, joining bonus, reports to, report to the, shortlisted, position open, seeks, wanted,
interviewing, permanent contract, starting salary, pay band, relocation package, freshers, jobs in, jobs at,
employment, career day, scholarship, scholarships, fellowship, fellowships, grant applications, call for
applications, call for proposals, accelerator programme, accelerator program
"""

ACT_NOW: Final = """
apply now, apply by, apply before, apply online, applications open, applications are open, applications
close, application deadline, accepting applications, deadline, register now, register by, registration open,
registration is open, sign up by, rsvp, closes on, closing date, emergency directive, patch immediately,
patch now, must patch, must be patched, recall, evacuate, evacuation order, last day, last chance, enrol
now, enroll now, enrolment opens, submit by, submissions open, call for papers, call for applications, call
for proposals, now hiring, we are hiring, hiring event, walk in interview, book by, tickets on sale, free
tickets, vote by, claim by, public consultation, comment period, tender, tenders, invitation to bid, request
for proposals, hiring
"""

ACT_SOON: Final = """
launch, launches, launched, released, release, available now, now available, opens, event, workshop,
webinar, summit, conference, exhibition, expo, festival, tournament, public lecture, open day, meetup, takes
effect, comes into force, new rule, new rules, guidance, requirement, requirements, security update,
vulnerability, exploit, advisory, warning, alert, directive, sale, discount, cashback, offer, subsidy,
rebate, grant, grants, funding round, scholarship, internship, vacancy, vacancies, recruitment,
certification, course, training, pre order, beta, early access, tonight, this weekend, tomorrow, how to,
guide, recipe, tips, strike, tender, contract, licensing, licence, license, job, jobs, deadline
"""

EXPIRED: Final = """
applications closed, applications are closed, applications have closed, application period has closed,
registration closed, registration is closed, registration has closed, deadline has passed, deadline passed,
no longer accepting, no longer accepts, position has been filled, position filled, vacancy closed, vacancy
has closed, job has expired, posting has expired, this job is closed, this offer has expired, offer expired,
offer ended, offer has ended, applications closed on, event has ended, event has passed, sold out, expired
job, applications ended, has now closed, now closed, entries are closed, entries closed, intake is closed,
closed to new applicants, closed to applications, tickets are gone, promotion has ended, promotion ended,
window has closed, intake closed
"""

JUNIOR: Final = """
entry level, graduate programme, graduate program, graduate scheme, graduate trainee, fresh graduate, fresh
graduates, recent graduates, recent graduate, new graduates, graduate role, graduate engineer, graduate
engineers, internship, internships, intern, interns, trainee, trainees, apprentice, apprenticeship,
apprenticeships, junior, no experience, campus recruitment, campus hiring, student placement, fresher,
freshers, undergraduate, undergraduates, early career, working student
"""

SENIOR: Final = """
senior, sr, lead engineer, principal, director, head of, vice president, vp, chief, executive director,
general manager, managing director, team leader, 5 years, 6 years, 7 years, 8 years, 10 years, 12 years, 15
years, ten years, five years, seven years, eight years, twelve years, minimum 3 years, extensive experience,
experienced professionals, staff engineer, superintendent, manager
"""

KINDS: Final = """
job opening | now hiring, we are hiring, vacancy, vacancies, job opening, apply now, internship, \
internships, jobs in, jobs at, hiring, job description, recruitment, graduate programme, graduate program, \
traineeship, apprenticeship, indeed, years of experience, candidates, applicants, job alert, job fair, \
career fair
celebrity and entertainment news | celebrity, actress, actor, singer, red carpet, dating, wedding, box \
office, album, netflix series, reality tv, movie, film, trailer, episode, season finale, oscars, grammy
sports report | match, league, coach, striker, quarterback, playoff, playoffs, tournament, championship, \
score, scored, goal, goals, nfl, nba, cricket, football, season, defeated, grand prix, preseason, golf
crime report | arrested, murder, police, stabbed, shooting, suspect, robbery, sentenced, convicted, fraud \
charges
scientific result | study finds, researchers, scientists, study, discovered, discovery, published in, \
telescope, experiment, trial results
earnings or market report | earnings, quarter, quarterly, revenue, shares, stock, stocks, dividend, \
profit, forecast, analysts, rally, investors, price target, eps, full year results
deal or funding news | acquires, acquisition, merger, raises, funding round, series a, series b, seed \
round, stake, buyout, ipo, joint venture, partnership, signs, contract, mou
policy or regulation news | law, bill, regulation, regulator, ministry, minister, government, court, \
ruling, directive, policy, central bank, commission, senate, parliament, guidance, rule
security alert | vulnerability, cve, zero day, ransomware, malware, exploited, breach, patch, hackers
conflict or diplomacy news | war, missile, troops, ceasefire, strikes, talks, sanctions, military, summit, \
treaty, embassy
product launch | launches, launch, unveils, releases, announces, new model, now available, update, \
introduces, rollout
event notice | conference, summit, workshop, webinar, expo, exhibition, festival, register, lecture, \
meetup, hackathon
offer or promotion | discount, cashback, offer, sale, promo, deal, prize, giveaway, coupon
guide or advice | how to, tips, guide, recipe, ways to, reasons, best, explained, what to know
opinion or analysis | analysis, opinion, why, column, editorial, future of, trends, outlook, perspective, \
interview
"""

_ENGLISH: Final = "the of and to in a is for on with at by from as are it that this its has have was be will an how"
ENGLISH: Final = frozenset(_ENGLISH.split())
"""The commonest short words of English."""
FOREIGN: Final = {
    "German": "der die das und ist nicht mit auf ein eine einen fur von den dem des im zu sich auch wird bei nach uber",
    "French": "le la les des et est une un dans pour sur avec pas que qui par au aux du de en plus sont cette ses leur",
    "Spanish": "el la los las de en y una un que por con para del se su al como mas sus este esta son fue",
    "Portuguese": "o os de e em uma um que por com para do da dos das se na seu sua mais sao foi ao",
    "Italian": "il e la lo gli le di una un che per con del della dei nel non sono piu alla anche",
    "Dutch": "de het een en van dat op te voor met niet zijn aan er ook bij naar wordt",
    "Turkish": "ve bir bu da de icin ile olarak olan daha cok gibi ancak kadar sonra icinde yeni turkiye",
    "Swedish": "och att det som av med den till har inte om ett fran kan",
    "Polish": "i na w z sie nie jest ze od przez po dla oraz",
    "Indonesian": "yang dan dari untuk dengan ini pada dalam itu adalah ke akan tidak juga",
}
"""The commonest short words of languages written in Latin letters, accents folded: two in five words are such words."""

_TAILS: Final = """
    inc corp corporation company co ltd limited plc llc group holding holdings sa ag se nv gmbh networks
    network electronics technologies technology tech systems software labs laboratories bank banks
    properties minerals pharmaceuticals pharma therapeutics energy healthcare health motors automotive
    airlines airways games studios entertainment media solutions services international global
    industries partners capital resources hospital insurance foods semiconductor geophysical analytics
    consulting
"""
TAILS: Final = frozenset(_TAILS.split())
"""Last words of a company's name that the press leaves out."""

_AMBIGUOUS: Final = """
    algorithm following follow team teams player players match coach dose code display engine windows
    window viral advisory agency ads image camera patch injection port ports station bus trail fishing
    account grid well wells rig ore drill drilling seed soil tree trees plants band song series club
    crane book books author authors bar menu dish trip driver talent offshore delivery container tablet
    brain cell lab gravity moon satellite recovery injury running campus faculty degree party campaign
    cabinet vote talks border conflict tensions alliance pitch stake token wallet branch model gas dark
    vessel star mine watch watches vintage collector rank ranked charge shooting suspect compliance
    spectrum platform unity steam apple amazon ford transformer transforming circuit electronic
    electronics lean assembly tax rent homes premium premiums legal contract language prince train
    trains kids family families baby store stores fleet highway inspection heating wiring bank banks
    dairy coffee corn gold silver copper tour museum exhibition portfolio trading bond bonds leader
"""
AMBIGUOUS: Final = frozenset(_AMBIGUOUS.split())
"""Words with everyday senses beside the one that names a field: half the evidence."""

SMALL: Final = frozenset(
    ("of", "and", "the", "for", "in", "on", "at", "de", "la", "du", "und", "y", "e", "a", "an", "to", "by")
)
"""Words skipped when initials are formed."""

NAMES_THAT_ARE_WORDS: Final = """
alphabet arm base block bolt boots box bright canvas carrier cast chase circle clear compass core delta
discord dove dream edge element ember epic extra express faith fiction first flag flash forge fortune gap
gate gem gold grab graph grey grove guardian harbor hive honor hope icon ink iron jaguar key kraft level
light line link lotus lucid magic mars match max meta mint monday monster moody motion mustang nest noon
notion nova oak ocean onyx open oracle orange orbit origin palm peak peloton pilot pioneer pixel polar prime
prism progress prudential pulse quest raft raw ridge ring riot rise riot rover sage sail salt sea sega shell
sigma signal sky slack snap sonic spark spirit sprint square stable stack standard stone strategy stride
stripe summit sun swift target tea titan toast total trace tribe true twist uber union unity upstart valve
vanguard vector verge vertex virgin vision visa vista volt wave windows wish word zoom blue red green black
white silver north south east west pod point general dynamics culture amp raw fury mobile air man can may
will act era map ace age aim arc art bay cap cat dam den fan fit
"""
"""Ordinary words that companies carry as names: such a name needs its capital, and never stands for a longer one."""
