/*
 * generate_places.h - private to the generator: countries by how many of the
 * users live there, each with cities by size and their region.
 *
 *   COUNTRY|City:REGION,City:REGION,...
 *
 * COUNTRY is ISO 3166-1 alpha-2, COUNTRY-REGION is ISO 3166-2.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GENERATE_PLACES_H
#define GENERATE_PLACES_H

static const char *const place_lines[] = {
    "DE|Berlin:BE,Hamburg:HH,Munich:BY,Cologne:NW,Frankfurt am Main:HE,"
    "Stuttgart:BW,Dusseldorf:NW,Leipzig:SN,Dortmund:NW,Essen:NW,Bremen:HB,"
    "Dresden:SN,Hanover:NI,Nuremberg:BY,Duisburg:NW,Bonn:NW,Karlsruhe:BW,"
    "Mannheim:BW,Augsburg:BY,Kiel:SH,Mainz:RP,Rostock:MV,Erfurt:TH,"
    "Magdeburg:ST,Potsdam:BB,Saarbrucken:SL",
    "US|New York:NY,Los Angeles:CA,Chicago:IL,Houston:TX,Phoenix:AZ,"
    "Philadelphia:PA,San Antonio:TX,San Diego:CA,Dallas:TX,San Jose:CA,"
    "Austin:TX,Jacksonville:FL,Columbus:OH,Charlotte:NC,Seattle:WA,"
    "Denver:CO,Boston:MA,Nashville:TN,Portland:OR,Las Vegas:NV,Atlanta:GA,"
    "Miami:FL,Minneapolis:MN",
    "GB|London:ENG,Birmingham:ENG,Manchester:ENG,Glasgow:SCT,Leeds:ENG,"
    "Liverpool:ENG,Bristol:ENG,Edinburgh:SCT,Sheffield:ENG,Cardiff:WLS,"
    "Belfast:NIR",
    "FR|Paris:IDF,Marseille:PAC,Lyon:ARA,Toulouse:OCC,Nice:PAC,Nantes:PDL,"
    "Strasbourg:GES,Montpellier:OCC,Bordeaux:NAQ,Lille:HDF,Rennes:BRE",
    "AT|Vienna:9,Graz:6,Linz:4,Salzburg:5,Innsbruck:7,Klagenfurt:2",
    "CH|Zurich:ZH,Geneva:GE,Basel:BS,Lausanne:VD,Bern:BE,Winterthur:ZH",
    "IT|Rome:62,Milan:25,Naples:72,Turin:21,Palermo:82,Genoa:42,Bologna:45,"
    "Florence:52,Bari:75,Venice:34",
    "ES|Madrid:MD,Barcelona:CT,Valencia:VC,Seville:AN,Zaragoza:AR,Malaga:AN,"
    "Bilbao:PV",
    "NL|Amsterdam:NH,Rotterdam:ZH,The Hague:ZH,Utrecht:UT,Eindhoven:NB,"
    "Groningen:GR",
    "PL|Warsaw:14,Krakow:12,Lodz:10,Wroclaw:02,Poznan:30,Gdansk:22",
    "IN|Mumbai:MH,Delhi:DL,Bengaluru:KA,Chennai:TN,Kolkata:WB,Pune:MH",
    "BR|Sao Paulo:SP,Rio de Janeiro:RJ,Brasilia:DF,Salvador:BA,"
    "Belo Horizonte:MG,Curitiba:PR",
    "JP|Tokyo:13,Yokohama:14,Osaka:27,Nagoya:23,Sapporo:01,Fukuoka:40",
    "CA|Toronto:ON,Montreal:QC,Calgary:AB,Ottawa:ON,Vancouver:BC,Quebec:QC",
    "AU|Sydney:NSW,Melbourne:VIC,Brisbane:QLD,Perth:WA,Adelaide:SA",
    "BE|Brussels:BRU,Antwerp:VLG,Ghent:VLG,Charleroi:WAL,Liege:WAL",
    "SE|Stockholm:AB,Gothenburg:O,Malmo:M,Uppsala:C",
    "MX|Mexico City:CMX,Guadalajara:JAL,Monterrey:NLE,Puebla:PUE",
    "TR|Istanbul:34,Ankara:06,Izmir:35,Bursa:16",
    "CZ|Prague:10,Brno:64,Ostrava:80",
    "PT|Lisbon:11,Porto:13,Braga:03",
    "DK|Copenhagen:84,Aarhus:82,Odense:83",
    "RO|Bucharest:B,Cluj-Napoca:CJ,Timisoara:TM,Iasi:IS",
    "GR|Athens:I,Thessaloniki:B",
    "HU|Budapest:BU,Debrecen:HB,Szeged:CS",
    "NO|Oslo:03,Bergen:46,Trondheim:50",
    "FI|Helsinki:18,Tampere:11,Turku:19,Oulu:14",
    "IE|Dublin:L,Cork:M,Galway:C",
    "KR|Seoul:11,Busan:26,Incheon:28",
    "CN|Shanghai:SH,Beijing:BJ,Guangzhou:GD,Shenzhen:GD,Chengdu:SC",
    "ID|Jakarta:JK,Surabaya:JI,Bandung:JB",
    "AR|Buenos Aires:C,Cordoba:X,Rosario:S",
    "ZA|Johannesburg:GP,Cape Town:WC,Durban:KZN",
    "SK|Bratislava:BL,Kosice:KI",
    "BG|Sofia:22,Plovdiv:16,Varna:03",
    "HR|Zagreb:21,Split:17",
    "UA|Kyiv:30,Kharkiv:63,Odesa:51,Lviv:46",
    "RS|Belgrade:00,Novi Sad:06",
    "SI|Ljubljana:061,Maribor:070",
    "LT|Vilnius:VL,Kaunas:KU",
    "LV|Riga:RIX",
    "EE|Tallinn:37,Tartu:79",
    "IL|Tel Aviv:TA,Jerusalem:JM,Haifa:HA",
    "AE|Dubai:DU,Abu Dhabi:AZ",
    "SA|Riyadh:01,Jeddah:02",
    "EG|Cairo:C,Alexandria:ALX",
    "NG|Lagos:LA,Abuja:FC",
    "KE|Nairobi:30,Mombasa:28",
    "MA|Casablanca:06,Rabat:04",
    "PH|Manila:00,Cebu City:CEB",
    "VN|Ho Chi Minh City:SG,Hanoi:HN",
    "TH|Bangkok:10,Chiang Mai:50",
    "MY|Kuala Lumpur:14,George Town:07",
    "SG|Singapore:01",
    "TW|Taipei:TPE,Kaohsiung:KHH",
    "PK|Karachi:SD,Lahore:PB",
    "BD|Dhaka:C,Chittagong:B",
    "CO|Bogota:DC,Medellin:ANT,Cali:VAC",
    "CL|Santiago:RM,Valparaiso:VS",
    "PE|Lima:LMA,Arequipa:ARE",
    "NZ|Auckland:AUK,Wellington:WGN,Christchurch:CAN",
    "UY|Montevideo:MO",
};

#endif
