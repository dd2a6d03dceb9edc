"""A gazetteer: countries with their demonyms and larger cities, and the regions that they lie in.

General knowledge kept as data, written from memory of ordinary atlases, not from any profile or article. Each line is
``country | demonyms and other names | cities and states | regions``; a slash joins names of one city. What comes first
names the place on screen.
"""

from __future__ import annotations

from typing import Final

GAZETTEER: Final = """
Kuwait | kuwaiti, kuwaitis | kuwait city, ahmadi, hawally, salmiya, farwaniya, jahra, shuaiba | gulf, \
middle east
Saudi Arabia | saudi, saudis, ksa | riyadh, jeddah, mecca, medina, dammam, dhahran, jubail, yanbu, neom | \
gulf, middle east
United Arab Emirates | uae, emirati, emiratis, emirates | dubai, abu dhabi, sharjah, ajman, ras al khaimah \
| gulf, middle east
Qatar | qatari, qataris | doha, lusail, ras laffan | gulf, middle east
Bahrain | bahraini | manama, muharraq | gulf, middle east
Oman | omani, omanis | muscat, salalah, sohar, duqm | gulf, middle east
Iraq | iraqi, iraqis | baghdad, basra, mosul, erbil, kirkuk | middle east
Iran | iranian, iranians | tehran, isfahan, mashhad, tabriz, shiraz | middle east
Israel | israeli, israelis | tel aviv, jerusalem, haifa | middle east
Palestine | palestinian, palestinians, gaza, west bank | ramallah, rafah | middle east
Jordan | jordanian | amman, aqaba | middle east
Lebanon | lebanese | beirut | middle east
Syria | syrian, syrians | damascus, aleppo, idlib | middle east
Yemen | yemeni, houthi, houthis | sanaa, aden | middle east
Turkey | turkish, turkiye, turks | ankara, istanbul, izmir, antalya, bursa, konya | middle east, europe
Egypt | egyptian, egyptians | cairo, alexandria, giza, suez | middle east, africa
Morocco | moroccan | casablanca, rabat, marrakech, tangier | africa
Algeria | algerian | algiers, oran | africa
Tunisia | tunisian | tunis | africa
Libya | libyan | tripoli, benghazi | africa
Sudan | sudanese | khartoum | africa
Ethiopia | ethiopian | addis ababa | africa
Kenya | kenyan, kenyans | nairobi, mombasa | africa
Uganda | ugandan | kampala | africa
Tanzania | tanzanian | dar es salaam, dodoma | africa
Rwanda | rwandan | kigali | africa
Nigeria | nigerian, nigerians | lagos, abuja, kano, ibadan, port harcourt, lekki, yaba | africa
Ghana | ghanaian | accra, kumasi | africa
Senegal | senegalese | dakar | africa
Ivory Coast | ivorian, cote d'ivoire | abidjan | africa
Cameroon | cameroonian | douala, yaounde | africa
South Africa | south african, south africans | johannesburg, cape town, durban, pretoria, soweto | africa
Zimbabwe | zimbabwean | harare | africa
Zambia | zambian | lusaka | africa
Angola | angolan | luanda | africa
Mozambique | mozambican | maputo | africa
Botswana | | gaborone | africa
Namibia | namibian | windhoek | africa
United States | us, usa, u.s., america, american, americans, united states of america | | north america
Canada | canadian, canadians | toronto, montreal, vancouver, ottawa, calgary, edmonton, winnipeg, quebec, \
ontario, alberta, british columbia, manitoba, saskatchewan, nova scotia, halifax | north america
Mexico | mexican, mexicans | mexico city, guadalajara, monterrey, tijuana, puebla, cancun | latin america, \
north america
Brazil | brazilian, brazilians | sao paulo, rio de janeiro, brasilia, belo horizonte, salvador, curitiba | \
latin america
Argentina | argentine, argentinian | buenos aires, cordoba, rosario | latin america
Chile | chilean | santiago, valparaiso, antofagasta, atacama | latin america
Peru | peruvian | lima, cusco, arequipa | latin america
Colombia | colombian | bogota, medellin, cali | latin america
Venezuela | venezuelan | caracas, maracaibo | latin america
Ecuador | ecuadorian | quito, guayaquil | latin america
Bolivia | bolivian | la paz | latin america
Uruguay | uruguayan | montevideo | latin america
Paraguay | paraguayan | asuncion | latin america
Costa Rica | costa rican | san jose | latin america
Panama | panamanian | panama city | latin america
Guatemala | guatemalan | | latin america
Cuba | cuban | havana | latin america
Jamaica | jamaican | kingston | latin america
United Kingdom | uk, u.k., britain, british, great britain, england, english premier league | london, \
manchester, birmingham, liverpool, leeds, bristol, cambridge, oxford, newcastle, nottingham, sheffield, \
wales, cardiff, scotland, scottish, welsh, glasgow, edinburgh, aberdeen, belfast, northern ireland, \
brighton, southampton | europe
Ireland | irish | dublin, cork, galway, limerick | europe
France | french | paris, lyon, marseille, toulouse, nice, bordeaux, lille, grenoble, strasbourg | europe
Germany | german, germans | munich/munchen, berlin, hamburg, frankfurt, stuttgart, cologne, dusseldorf, \
leipzig, dresden, bavaria, nuremberg, hanover, wolfsburg, ingolstadt, schweinfurt | europe
Austria | austrian | vienna, graz, salzburg, linz, innsbruck | europe
Switzerland | swiss | zurich, geneva, basel, bern, lausanne, davos, lugano | europe
Italy | italian, italians | rome, milan, turin, naples, florence, venice, bologna, genoa | europe
Spain | spanish | madrid, barcelona, valencia, seville, bilbao, malaga, catalonia | europe
Portugal | portuguese | lisbon, porto, algarve, braga | europe
Netherlands | dutch, holland | amsterdam, rotterdam, the hague, utrecht, eindhoven, delft | europe
Belgium | belgian | brussels, antwerp, ghent, leuven | europe
Luxembourg | | luxembourg city | europe
Denmark | danish | copenhagen, aarhus, odense | europe, nordic
Sweden | swedish, swedes | stockholm, gothenburg, malmo, uppsala, lund | europe, nordic
Norway | norwegian | oslo, stavanger, bergen, trondheim | europe, nordic
Finland | finnish | helsinki, espoo, tampere, oulu | europe, nordic
Iceland | icelandic | reykjavik | europe, nordic
Poland | polish | warsaw, krakow, gdansk, wroclaw | europe
Czech Republic | czech, czechia | prague, brno | europe
Slovakia | slovak | bratislava | europe
Hungary | hungarian | budapest | europe
Romania | romanian | bucharest, cluj | europe
Bulgaria | bulgarian | sofia | europe
Greece | greek | athens, thessaloniki, crete | europe
Cyprus | cypriot | nicosia, limassol | europe, middle east
Croatia | croatian | zagreb, dubrovnik | europe
Serbia | serbian | belgrade | europe
Slovenia | slovenian | ljubljana | europe
Bosnia | bosnian | sarajevo | europe
Albania | albanian | tirana | europe
Malta | maltese | valletta | europe
Estonia | estonian | tallinn | europe
Latvia | latvian | riga | europe
Lithuania | lithuanian | vilnius | europe
Ukraine | ukrainian, ukrainians | kyiv/kiev, kharkiv, odesa, lviv | europe
Russia | russian, russians, kremlin | moscow, st petersburg/saint petersburg | europe
Belarus | belarusian | minsk | europe
Georgia (country) | georgian | tbilisi | europe
Armenia | armenian | yerevan | europe
Azerbaijan | azerbaijani, azeri | baku | europe
Kazakhstan | kazakh | almaty, astana | central asia
Uzbekistan | uzbek | tashkent, samarkand | central asia
Afghanistan | afghan, taliban | kabul | central asia
Pakistan | pakistani | karachi, lahore, islamabad, peshawar | south asia
India | indian, indians, bharat | bangalore/bengaluru, mumbai, new delhi/delhi, hyderabad, chennai, pune, \
kolkata, ahmedabad, gurgaon/gurugram, noida, kochi, jaipur, kerala, karnataka, tamil nadu, maharashtra, \
gujarat, telangana, andhra pradesh, uttar pradesh, goa, punjab, lucknow, indore, coimbatore | south asia
Bangladesh | bangladeshi | dhaka, chittagong | south asia
Sri Lanka | sri lankan | colombo | south asia
Nepal | nepali, nepalese | kathmandu | south asia
China | chinese | beijing, shanghai, shenzhen, guangzhou, hangzhou, chengdu, wuhan, nanjing | east asia
Hong Kong | hongkonger | kowloon | east asia
Taiwan | taiwanese | taipei, hsinchu, taichung, tainan | east asia
Japan | japanese | tokyo, osaka, kyoto, nagoya, yokohama, sapporo, fukuoka, hiroshima, kobe | east asia
South Korea | korean, koreans, korea, south korean | seoul, busan, incheon, pangyo, daejeon, suwon, icheon \
| east asia
North Korea | north korean, dprk | pyongyang | east asia
Mongolia | mongolian | ulaanbaatar | east asia
Singapore | singaporean, singaporeans | | southeast asia
Malaysia | malaysian, malaysians | kuala lumpur, penang, johor | southeast asia
Indonesia | indonesian | jakarta, surabaya, bali, bandung | southeast asia
Thailand | thai | bangkok, chiang mai, phuket | southeast asia
Vietnam | vietnamese | hanoi, ho chi minh city/saigon, da nang | southeast asia
Philippines | filipino, philippine, filipinos | manila, cebu, davao | southeast asia
Cambodia | cambodian | phnom penh | southeast asia
Myanmar | burmese | yangon | southeast asia
Australia | australian, australians, aussie | sydney, melbourne, brisbane, perth, adelaide, canberra, \
queensland, new south wales, tasmania, gold coast | oceania
New Zealand | kiwi, new zealander | auckland, wellington, christchurch | oceania
"""

US_STATES: Final = """
Alabama: birmingham alabama, huntsville, mobile alabama; Alaska: anchorage; Arizona: phoenix, tucson, \
scottsdale
Arkansas: little rock; California: los angeles/hollywood, san francisco, san diego, silicon valley, \
sacramento, san jose california, oakland, santa clara, palo alto california, long beach, bay area; \
Colorado: denver, boulder colorado; Connecticut: hartford
Delaware: wilmington; Florida: miami, orlando, tampa, jacksonville; Georgia: atlanta, savannah; Hawaii: \
honolulu, maui
Idaho: boise; Illinois: chicago; Indiana: indianapolis; Iowa: des moines; Kansas: wichita; Kentucky: \
louisville
Louisiana: new orleans, baton rouge; Maine: portland maine; Maryland: baltimore, bethesda, annapolis
Massachusetts: boston, cambridge massachusetts; Michigan: detroit, ann arbor, grand rapids; Minnesota: \
minneapolis, st paul
Mississippi: biloxi; Missouri: st louis, kansas city; Montana: billings; Nebraska: omaha; Nevada: las \
vegas, reno
New Hampshire: concord; New Jersey: newark, jersey city; New Mexico: albuquerque, santa fe
New York: new york city/nyc/manhattan/brooklyn, buffalo; North Carolina: charlotte, raleigh, durham; North \
Dakota: fargo
Ohio: columbus, cleveland, cincinnati; Oklahoma: tulsa, oklahoma city; Oregon: portland, eugene, \
hillsboro, beaverton
Pennsylvania: philadelphia, pittsburgh; Rhode Island: providence; South Carolina: charleston
Tennessee: nashville, memphis; Texas: houston, dallas, austin, san antonio, fort worth, el paso, \
galveston, texan, texans
Utah: salt lake city; Vermont: burlington; Virginia: richmond, arlington, norfolk, fort meade; Washington \
state: seattle, tacoma, redmond, spokane
Washington DC: washington d.c., district of columbia, washington; West Virginia: charleston wv; Wisconsin: \
milwaukee, madison wisconsin; Wyoming: cheyenne
"""

REGION_WORDS: Final = """
gulf: gcc, gulf region, arabian gulf, persian gulf, gulf states
middle east: mena, middle eastern, arab, arabs
europe: european, europeans, eu, european union, eurozone, e.u.
nordic: nordics, scandinavia, scandinavian
africa: african, africans, sub saharan, west africa, east africa, southern africa, north africa
latin america: latin american, south america, south american, latam
north america: north american
east asia: east asian
south asia: south asian
southeast asia: asean, south east asia, southeast asian
central asia: central asian
oceania: pacific islands
asia: asian, asia pacific, apac
"""

ASIA: Final = frozenset({"east asia", "south asia", "southeast asia", "central asia"})
