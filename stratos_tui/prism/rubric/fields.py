"""A map of subjects: which words belong to which field, how narrow a field is, and which broader field holds it.

General knowledge kept as data; it lets an article on "tumours" be near a reader of "oncology" without a shared word.
Each line is ``field > broader fields | breadth | words``: breadth 3 is a narrow field, of which being in it says much,
and 1 a broad one.
"""

from __future__ import annotations

from typing import Final

FIELDS: Final = """
medicine and healthcare | 2 | hospital, patient, patients, clinic, clinical, physician, doctor, \
healthcare, health care, medical, surgery, surgeon, disease, therapy, treatment, diagnosis, healthcare \
system, health ministry, health system, health insurance
emergency medicine > medicine and healthcare | 3 | emergency room, trauma, trauma care, sepsis, ambulance, \
paramedic, triage, cardiac arrest, stroke care, resuscitation, intensive care, overdose, emergency \
physician
nursing > medicine and healthcare | 3 | registered nurse, nurse, nursing, nurse staffing, nurse \
practitioner, bedside, nursing license, midwife, midwifery, caregiver, nursing home, staffing ratio
oncology > medicine and healthcare | 3 | oncology, cancer, tumor, chemotherapy, leukemia, lymphoma, \
immunotherapy, melanoma, radiotherapy, metastatic, carcinoma, myeloma
cardiology > medicine and healthcare | 3 | heart disease, cardiac, cardiology, cardiologist, heart \
failure, blood pressure, stroke, artery
dentistry > medicine and healthcare | 3 | dental, dentist, dentistry, orthodontic, orthodontics, tooth, \
teeth, implant, oral health
mental health > medicine and healthcare | 3 | mental health, psychologist, psychology, psychiatry, \
depression, anxiety, therapist, counseling, autism, adhd, suicide, addiction, wellbeing
pharmacy and drugs > medicine and healthcare | 2 | drug, drugs, pharmaceutical, pharmacist, pharmacy, \
dose, fda, drug approval, medicine approval, prescription, biosimilar, generic drug, glp, injection, \
pharmacology, clinical trial, ema
biotechnology > medicine and healthcare, biology | 2 | biotech, biotechnology, gene therapy, genome, \
genomic, genetics, dna, rna, mrna, cell therapy, bioinformatics, molecular biology, protein, stem cell, \
sequencing, antibody
public health > medicine and healthcare | 3 | epidemic, pandemic, outbreak, epidemiology, vaccination, \
virus, influenza, measles, public health, antimicrobial resistance, infection, infectious, malaria, \
cholera, ebola, tuberculosis, hiv, dengue
veterinary medicine > animals | 3 | veterinary, pet, pets, dog, cat, livestock disease, bird flu, animal \
clinic, animal welfare
animals | 2 | animal, animals, wildlife, zoo, species, horse, bird, birds, dogs, cats, elephant, shark, \
conservation, rhino, poaching, safari, national park, whale, whales, endangered, predator, insect, bee
physiotherapy and sports medicine > medicine and healthcare, sport | 3 | physiotherapy, physiotherapist, \
physical therapy, rehabilitation, injury, concussion, sports medicine, hamstring, acl, recovery, athlete \
injury, sports science
fitness and nutrition | 2 | fitness, workout, gym, yoga, nutrition, diet, dietitian, running, marathon, \
weight loss, protein intake, wellness
biology | 2 | biology, cell, bacteria, organism, evolution, ecology, marine biology, neuroscience, brain, \
microbiome, fossil
chemistry > chemicals and petrochemicals | 2 | chemistry, chemist, chemical, molecule, polymer, catalyst, \
lab, reaction
physics | 2 | physics, physicist, particle physics, quantum, quantum mechanics, neutrino, dark matter, \
fusion, laser, atom, gravity, plasma
nuclear energy > energy | 3 | nuclear power, reactor, nuclear, uranium, nuclear plant, fission, nuclear \
fuel, small modular reactor, iaea
astronomy and space | 3 | space exploration, astronomy, exoplanet, planet, planets, moon, mars, orbit, \
satellite, rocket, comet, asteroid, meteor, meteor shower, solar system, eclipse, cosmology, black hole, \
milky way, observatory, space agency
aerospace and aviation | 2 | aviation, airline, airlines, aircraft, pilot, pilots, airport, flight, \
flights, airbus, jet, aerospace, runway, air traffic, boeing, passenger, cabin crew, airlines route, air \
cargo, helicopter, aerodynamics, engine maker
defence and military | 2 | military, troops, missile, missiles, defence, defense, army, navy, air force, \
weapon, weapons, warship, fighter jet, pentagon, soldiers, drone strike, defense contractor
geopolitics and diplomacy | 2 | geopolitics, diplomacy, foreign minister, sanctions, ceasefire, treaty, \
embassy, war, conflict, peace talks, nuclear non proliferation, foreign affairs, international law, \
refugees, ambassador, security council, border, alliance, peacekeeping, talks, tensions, summit leaders
politics and government | 1 | president, minister, parliament, election, elections, vote, government, \
senate, congress, party, lawmakers, prime minister, mayor, campaign, policy, politician, referendum, \
cabinet, coalition, democrats, republicans, public policy
law and courts | 2 | court, lawsuit, judge, legal, lawyer, lawyers, attorney, law firm, litigation, \
supreme court, ruling, verdict, legislation, contract law, antitrust, legal tech, copyright, patent, \
intellectual property, compliance, arbitration
crime and policing | 2 | police, arrested, murder, suspect, robbery, crime, prison, shooting, trafficking, \
stabbed, detained, homicide
immigration | 3 | immigration, visa, visas, migrants, asylum, deportation, green card, work permit, \
citizenship, passport
human rights and nonprofits | 2 | human rights, charity, ngo, nonprofit, humanitarian, aid, donors, \
philanthropy, volunteers, gender
journalism and media | 2 | journalist, journalism, newspaper, newsroom, reporter, press freedom, \
broadcaster, editor, investigative, misinformation, disinformation, podcast
software engineering | 2 | software, software developer, web developer, programming, python, java, \
javascript, code, coding, api, devops, kubernetes, open source, backend, frontend, distributed systems, \
microservices, software engineer, github, rust, app developer
cloud and data centers > software engineering | 2 | cloud, cloud computing, data center, data centre, aws, \
azure, server, servers, virtualization, cloud migration, hyperscaler, hybrid cloud, cloud infrastructure, \
sysadmin, windows server, vmware, active directory
artificial intelligence | 2 | artificial intelligence, machine learning, large language model, openai, \
natural language processing, computer vision, ai model, ai agent, reinforcement learning, ai regulation, \
anthropic, copilot
data science > artificial intelligence, software engineering | 2 | data science, data scientist, \
analytics, big data, statistics, visualisation, visualization, mlops, sql, data engineer, predictive, \
dataset, data analyst, dashboards, fraud detection
cybersecurity | 3 | cybersecurity, vulnerability, ransomware, malware, hackers, hacker, phishing, data \
breach, threat intelligence, threat actor, zero trust, firewall, security clearance, siem, patch, botnet, \
penetration testing, incident response, soc, spyware
information technology | 1 | information technology, computer, computers, digital transformation, tech, \
technology company, enterprise software, erp, saas, internet, laptop, windows, operating system, it \
services, it support, digital services
semiconductors and chips | 3 | semiconductor, chipmaker, chipmaking, wafer, foundry, graphics card, memory \
chip, dram, hbm, lithography, tsmc, fab, processor, cpu, chip design, embedded systems, fpga, \
microcontroller, vlsi
quantum technology > physics | 3 | quantum computing, qubit, quantum, quantum algorithm, quantum network, \
superconducting
consumer electronics | 2 | smartphone, iphone, android, laptop, headphones, wearable, smartwatch, tablet, \
camera, apple, gadget, consumer electronics, smart home, television, smart speaker, display
telecommunications | 2 | telecom, telecoms, 5g, 6g, mobile operator, broadband, fiber, spectrum, mobile \
network, wireless, satellite internet, telecommunications, network operator, sim
robotics and automation > mechanical engineering | 2 | robot, robots, robotics, humanoid, automation, plc, \
scada, industrial automation, factory automation, mechatronics, control systems
fintech and payments > banking | 3 | fintech, payments, mobile money, payment, mobile payment, digital \
wallet, wallet, open banking, neobank, remittance, remittances, payment gateway, buy now pay later, ussd, \
cross border payments, regulatory sandbox
cryptocurrency and blockchain | 3 | cryptocurrency, blockchain, token, tokens, defi, crypto exchange, nft, \
mining rig, coinbase, binance, tokenization, web3
banking | 2 | bank, banks, banking, lender, deposits, loans, credit card, branch, central bank, islamic \
finance, sukuk, retail banking, islamic banking, account, customers deposit
investing and markets | 2 | stock, stocks, shares, investors, portfolio, dividend, equities, equity \
research, hedge fund, etf, bond, bonds, nasdaq, wall street, analyst rating, earnings, ipo, stock \
exchange, asset management, trading, price target, fund manager, valuation, gold price, capital markets
deals and private capital > investing and markets | 3 | merger, private equity, leveraged, initial public \
offering, investment bank, investment banking, dealmaking, takeover bid, buyout, stake, divestiture, \
advisory mandate, spinoff, bankers
startups and venture capital | 2 | startup, venture capital, founder, founders, accelerator, incubator, \
seed funding, funding round, unicorn, entrepreneur, entrepreneurship, pitch, angel investor, entrepreneurs
economics and trade | 1 | economics, inflation, interest rate, gdp, tariff, tariffs, trade deal, exports, \
imports, recession, central bank, federal reserve, unemployment, fiscal, currency, monetary, labor market, \
growth forecast
accounting and audit | 3 | audit, auditor, accounting, accountant, tax, ifrs, gaap, financial reporting, \
big four, bookkeeping, internal audit, pwc, deloitte, kpmg
insurance | 3 | insurance, insurer, insurers, reinsurers, reinsurer, underwriting, reinsurance, actuary, \
actuarial, premiums, insurance claim, policyholder
real estate | 3 | real estate, property, housing, mortgage, home prices, apartment, apartments, \
residential, property developer, landlord, rent, off plan, realtor, homes, office space, luxury property, \
tenants
construction and building | 2 | construction, building contractor, building site, bridge, civil \
engineering, concrete, cement, infrastructure project, site safety, building code, building materials, \
structural engineer, building information modeling, subcontractor, metro line, crane
architecture and urban planning > construction and building | 3 | architecture, architect, architects, \
urban planning, smart city, smart cities, urban design, public space, parametric, landscape architecture, \
heritage building, skyscraper
heating cooling and electrical trades > construction and building | 3 | heating ventilation air \
conditioning, plumbing, electrician, electrical, wiring, ev charger, refrigerant, furnace, boiler, \
thermostat, home services, insulation, heating, cooling
welding and pipelines > oil and gas industry | 3 | welding, welder, pipeline, pipelines, weld, \
fabrication, pipefitter, inspection
oil and gas industry > energy | 2 | oil and gas, drilling, refinery, refining, reservoir, brent, opec, oil \
price, rig, upstream, oil production, seismic, well, wells, geophysics, subsurface, oilfield services, oil \
major, downstream, exploration license
chemicals and petrochemicals > oil and gas industry | 3 | petrochemical, petrochemicals, polyethylene, \
ethylene, chemicals, fertilizer, plastics, methanol, process engineering
energy | 1 | energy, electricity, power plant, power grid, grid, utility, utilities, gas pipeline, \
liquefied natural gas, energy storage, power generation, energy security, energy transition, megawatt, \
hydrogen
renewable energy > energy, climate and environment | 2 | renewable energy, solar power, wind power, \
hydropower, geothermal, green hydrogen, offshore wind, turbine, battery storage, clean power
climate and environment | 2 | climate change, emissions, carbon, carbon market, environment, pollution, \
biodiversity, sustainability, recycling, circular economy, deforestation, environmental social governance, \
climate risk, net zero, plastic waste, conservation, water quality
weather and disasters | 2 | weather, storm, hurricane, flood, floods, wildfire, earthquake, snow, \
heatwave, tornado, cold warning, typhoon
mining and metals | 3 | mining, mine, miner, miners, copper, lithium, gold mine, nickel, ore, rare earth, \
critical minerals, steel, aluminum, cobalt, mineral, tailings
agriculture and farming | 3 | agriculture, farm, farmer, farmers, farming, crop, crops, soybean, corn, \
wheat, coffee, harvest, usda, livestock, cattle, dairy, agritech, irrigation, grain, seed, rural, \
agronomy, food prices, cocoa
commodities trading > investing and markets | 3 | commodity, commodities, futures, soybean futures, crude \
futures, copper price, freight rate, gold price, commodity trader, grain futures
gardening and plants | 3 | vegetable gardening, gardening, garden, plants, bonsai, horticulture, flower, \
flowers, seedlings, orchid, tree, soil, compost, nursery plants, tomato
food and cooking | 2 | home cooking, recipe, chef, cuisine, food, kitchen, dish, baking, bread, culinary, \
flavor, meal, ingredients
restaurants and hospitality > food and cooking | 3 | restaurant, restaurants, michelin, hospitality, \
hotel, hotels, bar, menu, dining, food service, catering, sommelier, hotelier
wine spirits and beer | 3 | wine, winery, whisky, whiskey, vineyard, brewery, beer, distillery, spirits, \
sommelier, bourbon
travel and tourism | 2 | travel, tourism, tourist, tourists, destination, resort, cruise, vacation, \
airline ticket, backpacking, trip, hotel
automotive | 2 | car, cars, automaker, automakers, vehicle, vehicles, automotive, auto industry, \
drivetrain, chassis, toyota, volkswagen, ford, carmaker, engine, suv, motor show, vehicle dynamics, \
dealership, tire, axle, gearbox, brake, brakes, crash test, steering, transmission, euro 7
electric vehicles > automotive | 3 | electric vehicle, electric battery, charging station, ev charging, \
powertrain, electric drivetrain, tesla, byd, catl, ev market, thermal management, autonomous driving, \
battery pack
motorsport > sport | 3 | formula 1, motorsport, racing team, nascar, motogp, ferrari, pit stop, \
verstappen, hamilton
mechanical engineering | 2 | mechanical engineering, mechanical, cad, finite element, simulation software, \
lightweight, turbine design, thermodynamics, machinery, machine tool, hydraulic, vibration
manufacturing | 1 | manufacturing, manufacturer, factory, factories, production line, plant closure, \
assembly, industrial, supplier, three d printing, lean, quality control, collective agreement, works \
council
electrical engineering | 2 | electrical engineer, high voltage, circuit, power electronics, electronics, \
electrical systems, transformer, inverter, signal processing, electronic
logistics and supply chain | 2 | supply chain, logistics, freight, warehouse, inventory, port, ports, \
container, containers, cargo, shipment, customs, trade compliance, procurement, delivery, last mile, sap
trucking and transport > logistics and supply chain | 3 | trucking, truck, trucks, truckers, trucker, \
fleet, diesel, driver shortage, semi truck, haulage, highway, fmcsa
shipping and maritime > logistics and supply chain | 3 | ship, ships, shipping, vessel, vessels, maritime, \
offshore, seafarers, tanker, shipyard, strait, port state, marine, naval architecture, container line, \
suez canal, red sea
rail and public transport | 3 | rail, railway, train, trains, metro, high speed rail, transit, bus, \
locomotive, station, commuter
education and teaching | 2 | school, schools, teacher, teachers, classroom, curriculum, students, math, \
stem, edtech, education policy, school board, head teacher, teachers union, pupils, tutoring, \
kindergarten, literacy, exam, special education
higher education and research | 1 | university, universities, professor, scholars, phd, faculty, campus, \
research grant, fellowship, college admissions, academic, postdoc, doctoral, degree, alumni
human resources and work | 2 | human resources, recruitment, layoffs, layoff, remote work, hiring, \
employee, employees, workplace, wages, payroll, talent, job market, hr tech, employee engagement, union, \
strike, return to office
marketing and advertising | 2 | marketing, advertising, brand, brands, campaign ads, seo, ad spend, ads, \
consumer insights, agency, brand strategy, digital marketing, sponsorship, advertiser, rebrand, super bowl \
ad
social media and creators > marketing and advertising | 3 | social media, influencer marketing, content \
creation, algorithm, followers, viral, video creators, streamers, brand partnership, monetization, reels
retail and ecommerce | 2 | retail, retailer, ecommerce, store, stores, shoppers, supermarket, online \
seller, marketplace, grocery, amazon, walmart, alibaba, delivery app, shopify, fmcg, consumer goods
fashion and beauty | 3 | fashion, designer clothes, runway show, luxury, beauty, cosmetics, makeup, \
skincare, jewelry, garment, textile, apparel, sneakers, couture, model agency, handbag, perfume
watches and collectibles | 3 | watch brand, rolex, watches, vintage, collectible, collectibles, auction, \
antique, horology, luxury watch, collector
film and television | 2 | film, films, movie, movies, documentary, filmmaker, director film, netflix, \
streaming, box office, tv, series, cinema, actor, actress, hollywood, bollywood, film festival, \
screenplay, oscar, oscars, cinematography, disney, hbo
music | 2 | music, album, song, songs, singer, concert, band, tour dates, musician, orchestra, spotify, \
rapper, grammy, opera, jazz, dj, record label, music streaming, vinyl, guitar, piano
k pop and idols > music | 3 | k pop, kpop, idol, idols, comeback, fandom, girl group, boy group, fan \
meeting, hallyu, k drama, bts, blackpink
video games | 3 | video game, playstation, xbox, nintendo, steam, game developers, game studio, gameplay, \
indie game, indie games, game engine, dlc, rpg, console, gamers, gamer, game pass, unreal engine, unity \
engine, godot, game design, multiplayer
esports > video games | 3 | esports, ranked, tournament prize, esports team, league of legends, valorant, \
dota, counter strike, streamer
art and museums | 2 | art, artist, artists, gallery, museum, exhibition, painting, sculpture, biennale, \
curator, photography, photographer, ceramics, craft
design and user experience | 3 | user experience, design system, design systems, figma, product design, \
accessibility, interaction design, user research, typography, prototyping, graphic design, interface, \
mobile ux
books and writing | 2 | book, books, novel, author, authors, publisher, publishing, poetry, literary, \
fiction, library, librarian, translation
celebrity and royals | 2 | celebrity, celebrities, royal family, prince, princess, dating, wedding, red \
carpet, divorce
sport | 2 | sport, sports, team, teams, player, players, match, league, coach, football, basketball, \
tennis, cricket, olympic, olympics, world cup, athlete, athletes, club, nfl, nba, mlb, baseball, hockey, \
golf, boxing, ufc, wrestling, swimming, quarterback, playoffs
rugby > sport | 3 | rugby, six nations, scrum, wallabies, all blacks, super rugby
climbing hiking and outdoors | 3 | hiking, climbing, mountain, mountaineering, camping, trail, outdoors, \
skiing, surfing, cycling, kayak, fishing
religion and philosophy | 2 | church, pope, islam, muslim, christian, faith, philosophy, ethics, ramadan, \
temple, bishop, theology, jewish
history and archaeology | 3 | archaeology, archaeologists, ancient, history, medieval, historian, \
excavation, artifact, roman, heritage, genealogy
family and parenting | 2 | parents, parenting, children, kids, baby, childcare, toddler, pregnancy, \
motherhood, family
personal finance | 2 | savings, pension, retirement, credit score, personal finance, passive income, \
budgeting, debt, social security, tax refund, wealth management
languages and linguistics | 3 | language learning, linguistics, translator, interpreter, dialect, bilingual
carbon markets > climate and environment | 3 | carbon market, carbon credit, emissions trading, carbon \
offset, carbon removal, cbam, carbon price
emergency services and fire | 3 | firefighter, firefighters, fire department, rescue, paramedics, fire \
safety, first responders, search and rescue
water and waste > climate and environment | 3 | desalination, wastewater, water treatment, drinking water, \
water utility, sewage, landfill, waste
"""

SECTORS: Final = """
technology: software engineering, cloud and data centers, artificial intelligence, data science, \
cybersecurity, information technology, semiconductors and chips, quantum technology, consumer electronics, \
telecommunications, robotics and automation, fintech and payments, startups and venture capital, design \
and user experience, video games
finance: banking, fintech and payments, cryptocurrency and blockchain, investing and markets, deals and \
private capital, economics and trade, accounting and audit, insurance, real estate, commodities trading, \
personal finance, startups and venture capital
health: medicine and healthcare, emergency medicine, nursing, oncology, cardiology, dentistry, mental \
health, pharmacy and drugs, biotechnology, public health, veterinary medicine, physiotherapy and sports \
medicine, fitness and nutrition, biology, emergency services and fire
energy: energy, oil and gas industry, renewable energy, nuclear energy, chemicals and petrochemicals, \
welding and pipelines, mining and metals, climate and environment, carbon markets, commodities trading
building: construction and building, architecture and urban planning, heating cooling and electrical \
trades, real estate, rail and public transport, water and waste, welding and pipelines
industry: manufacturing, mechanical engineering, automotive, electric vehicles, electrical engineering, \
robotics and automation, chemicals and petrochemicals, logistics and supply chain, trucking and transport, \
shipping and maritime, aerospace and aviation, mining and metals
science: physics, biology, chemistry, astronomy and space, higher education and research, quantum \
technology, biotechnology
public affairs: politics and government, geopolitics and diplomacy, law and courts, defence and military, \
immigration, human rights and nonprofits, journalism and media, economics and trade, education and \
teaching, religion and philosophy
culture: film and television, music, k pop and idols, video games, esports, art and museums, books and \
writing, fashion and beauty, celebrity and royals, social media and creators, marketing and advertising, \
watches and collectibles, history and archaeology, languages and linguistics, design and user experience
nature: climate and environment, weather and disasters, animals, gardening and plants, agriculture and \
farming, water and waste, carbon markets, veterinary medicine
leisure: food and cooking, restaurants and hospitality, wine spirits and beer, travel and tourism, sport, \
motorsport, rugby, climbing hiking and outdoors, fitness and nutrition, family and parenting
work: human resources and work, education and teaching, higher education and research, marketing and \
advertising, retail and ecommerce, logistics and supply chain
"""
"""``sector: fields``: fields of one sector are neighbours, which is worth a little even where nothing else meets."""
