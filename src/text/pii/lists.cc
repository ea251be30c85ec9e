// The lists are small on purpose: they seed the tagger with what a few hundred training sentences
// cannot show. Lookup: one probe sequence in a table of hashes made at first use. Test:
// pii_test.cc.
#include "text/pii/lists.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace swy::text::pii {
namespace {

constexpr std::array<std::pair<std::uint32_t, std::string_view>, 12> kLists = {{
    {kTimeWord,
     "january february march april may june july august september october november december jan "
     "feb "
     "mar apr jun jul aug sep sept oct nov dec monday tuesday wednesday thursday friday saturday "
     "sunday today tomorrow yesterday noon midnight am pm morning evening week month year"},
    {kCountry,
     "afghanistan albania algeria andorra angola antigua argentina armenia australia austria "
     "azerbaijan bahamas bahrain bangladesh barbados belarus belgium belize benin bhutan bolivia "
     "bosnia botswana brazil brunei bulgaria burkina burundi cambodia cameroon canada chad chile "
     "china colombia comoros congo croatia cuba cyprus czechia denmark djibouti dominica ecuador "
     "egypt england eritrea estonia ethiopia fiji finland france gabon gambia georgia germany "
     "ghana "
     "greece greenland grenada guatemala guinea guyana haiti honduras hungary iceland india "
     "indonesia "
     "iran iraq ireland israel italy jamaica japan jordan kazakhstan kenya kiribati korea kosovo "
     "kuwait "
     "kyrgyzstan laos latvia lebanon lesotho liberia libya liechtenstein lithuania luxembourg "
     "madagascar malawi malaysia maldives mali malta mauritania mauritius mexico moldova monaco "
     "mongolia montenegro morocco mozambique myanmar namibia nauru nepal netherlands nicaragua "
     "niger "
     "nigeria norway oman pakistan palau panama paraguay peru philippines poland portugal qatar "
     "romania russia rwanda samoa scotland senegal serbia seychelles singapore slovakia slovenia "
     "somalia spain sudan suriname sweden switzerland syria taiwan tajikistan tanzania thailand "
     "togo "
     "tonga tunisia turkey turkmenistan tuvalu uganda ukraine uruguay usa uzbekistan vanuatu "
     "venezuela "
     "vietnam wales yemen zambia zimbabwe kingdom states deutschland españa italia polska sverige "
     "norge danmark suomi österreich schweiz brasil américa uk"},
    {kNationality,
     "afghan albanian algerian american argentine argentinian armenian australian austrian "
     "bahamian "
     "bangladeshi belarusian belgian belizean belizian bolivian bosnian brazilian british bruneian "
     "bruneians bulgarian burmese cambodian cameroonian canadian chilean chinese colombian "
     "congolese "
     "croatian cuban cypriot czech danish dutch ecuadorian egyptian english eritrean estonian "
     "ethiopian "
     "fijian finnish french georgian german ghanaian greek greenlander greenlandic guatemalan "
     "guyanese "
     "haitian honduran hungarian icelandic icelander indian indonesian iranian iraqi irish israeli "
     "italian ivorian jamaican japanese jordanian kazakh kenyan korean kuwaiti kurdish laotian "
     "latvian "
     "lebanese liberian libyan lithuanian luxembourger malagasy malaysian maldivian maltese "
     "mexican "
     "moldovan mongolian moroccan namibian nepalese nicaraguan nigerian norwegian omani pakistani "
     "palestinian panamanian paraguayan peruvian philippine filipino polish portuguese qatari "
     "romanian "
     "russian rwandan salvadoran samoan saudi scottish senegalese serbian singaporean slovak "
     "slovakian "
     "slovenian somali spanish sudanese surinamese swedish swiss syrian taiwanese tajik tanzanian "
     "thai "
     "tongan tunisian turkish ugandan ukrainian uruguayan uzbek venezuelan vietnamese welsh yemeni "
     "zambian zimbabwean muslim christian jewish hindu buddhist catholic protestant democrat "
     "republican "
     "latino hispanic european african asian arab americans germans brits russians"},
    {kStreetWord,
     "street st road rd avenue ave lane ln drive dr boulevard blvd court ct place pl square sq "
     "terrace "
     "way highway hwy parkway pkwy alley circle cir crescent close grove mews hill row walk "
     "strasse "
     "straße str gasse weg platz allee rue chemin impasse quai via viale piazza corso calle plaza "
     "avenida paseo rua travessa estrada largo ulica ul aleja plac utca út tér gatan gata vägen "
     "väg "
     "gränd vej vejen gade veien gate katu tie kuja laan straat plein dreef ulice náměstí nám tee "
     "tänav "
     "maantee bulvar cesta trg kralja kirkeveien fort crossing bypass trail turnpike"},
    {kOrganizationWord,
     "inc incorporated llc ltd limited corp corporation co company plc gmbh ag sa bv nv srl spa ab "
     "oy "
     "oyj group holdings partners associates bank university college institute technologies "
     "technology "
     "solutions systems consulting capital ventures insurance financial services industries labs "
     "laboratories foundation trust agency ministry department hospital school networks software "
     "media "
     "airlines motors energy pharmaceuticals bioscience analytics orchestra sons brothers"},
    {kHonorific,
     "mr mrs ms miss mister dr prof professor sir madam mme mlle herr frau sr sra lord lady rev "
     "father "
     "sister captain capt sgt lt col gen judge president senator dds md phd jr"},
    {kGivenName,
     "james robert john michael david william richard joseph thomas charles christopher daniel "
     "matthew "
     "anthony mark donald steven paul andrew joshua kenneth kevin brian george timothy ronald "
     "edward "
     "jason jeffrey ryan jacob gary nicholas eric jonathan stephen larry justin scott brandon "
     "benjamin "
     "samuel gregory alexander frank patrick raymond jack dennis jerry tyler aaron jose adam "
     "nathan "
     "henry douglas zachary peter kyle noah ethan jeremy walter christian keith roger terry austin "
     "sean "
     "gerald carl harold dylan arthur lawrence jordan jesse bryan billy bruce gabriel joe logan "
     "alan "
     "juan albert willie elijah wayne randy vincent mason roy ralph bobby russell bradley philip "
     "eugene "
     "mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty "
     "sandra "
     "margaret ashley kimberly emily donna michelle carol amanda melissa deborah stephanie dorothy "
     "rebecca sharon laura cynthia amy kathleen angela shirley brenda emma anna pamela nicole "
     "samantha "
     "katherine christine helen debra rachel carolyn janet maria catherine heather diane olivia "
     "julie "
     "joyce victoria ruth virginia lauren kelly christina joan evelyn judith andrea hannah megan "
     "cheryl "
     "jacqueline martha madison teresa gloria sara janice ann kathryn abigail sophia frances jean "
     "alice "
     "judy isabella julia grace amber denise danielle marilyn beverly charlotte natalie theresa "
     "diana "
     "brittany doris kayla alexis lori marie hans klaus jürgen stefan wolfgang andreas matthias "
     "heike "
     "sabine petra ingrid ursula anja pierre jacques françois michel louis claude jean luc marc "
     "philippe nathalie sylvie isabelle camille luca marco giuseppe giovanni francesco alessandro "
     "matteo giulia chiara francesca sofia carlos luis miguel javier antonio manuel pedro "
     "alejandro "
     "fernando sergio pablo ana carmen lucia elena isabel rosa joão paulo tiago lars sven erik "
     "anders "
     "björn olaf nils ingrid astrid freja magnus mikkel jens søren piotr jan krzysztof andrzej "
     "tomasz "
     "agnieszka katarzyna małgorzata ivan dmitri sergei vladimir alexei natasha olga tatiana irina "
     "svetlana ahmed mohammed muhammad ali hassan omar fatima aisha yusuf ibrahim wei li chen wang "
     "zhang liu yang hiroshi kenji takashi yuki sakura haruto raj priya amit anil sunita deepak "
     "arjun "
     "nguyen kim park min jin fatma mehmet mustafa ayşe emre kwame chidi amara tunde zoe liam mia "
     "lucas "
     "oliver harry jake chloe ella max leo oscar felix clara nora ida maja"},
    {kUnitWord,
     "apt apartment suite unit box floor room psc unit flat po apo dpo fpo building bldg"},
    {kContactWord,
     "name email mail phone mobile fax address tel telephone website ssn zip zipcode postcode desk "
     "office date where when contact birthday dob born passport license licence iban card cc "
     "account"},
    {kParticle,
     "van von der den de del della di da do dos das du la le les el al bin ibn ben abu ten ter ze "
     "zu zum "
     "zur am an im ob bei nad pod sur sous lès upon on of the and y e och og und und et st saint "
     "san "
     "santa santo são mac mc o d l"},
    {kCity,
     "london paris berlin madrid rome vienna zurich geneva amsterdam brussels copenhagen stockholm "
     "oslo "
     "helsinki dublin lisbon athens warsaw prague budapest moscow istanbul cairo lagos nairobi "
     "johannesburg mumbai delhi bangalore beijing shanghai tokyo osaka seoul singapore bangkok "
     "jakarta "
     "manila sydney melbourne auckland toronto vancouver montreal boston chicago houston dallas "
     "seattle "
     "denver atlanta miami phoenix philadelphia detroit portland washington california texas "
     "florida "
     "ohio virginia hamburg munich münchen köln frankfurt stuttgart milan milano naples napoli "
     "turin "
     "barcelona valencia sevilla porto lyon marseille toulouse nice manchester birmingham "
     "liverpool "
     "leeds glasgow edinburgh york angeles francisco vegas diego rio são buenos lima bogotá "
     "santiago "
     "dubai tehran baghdad karachi lahore dhaka hanoi zürich wien praha kraków gdańsk"},
    {kJobWord,
     "manager engineer administrator technician assistant director analyst consultant developer "
     "programmer teacher nurse driver clerk operator officer supervisor specialist worker packager "
     "mechanic inspector coordinator designer accountant lawyer attorney secretary soldier "
     "librarian "
     "scientist researcher controller planner representative agent editor writer physician surgeon "
     "therapist pharmacist chef cook waiter cashier salesperson ceo cfo cto founder electrician "
     "plumber "
     "carpenter painter welder machinist tender installer repairer trainer instructor professor"},
}};

struct Table {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> slots;  // hash 0: empty
  std::uint64_t mask = 0;
};

Table make_table() {
  Table t;
  t.slots.resize(4096);
  t.mask = t.slots.size() - 1;
  for (const auto& [bit, words] : kLists) {
    std::string_view rest = words;
    while (!rest.empty()) {
      const std::size_t n = std::min(rest.find(' '), rest.size());
      const std::uint64_t h = word_hash(rest.substr(0, n));
      rest.remove_prefix(std::min(n + 1, rest.size()));
      std::uint64_t at = (h >> 8U) & t.mask;
      while (t.slots[at].first != 0 && t.slots[at].first != h) at = (at + 1) & t.mask;
      t.slots[at].first = h;
      t.slots[at].second |= bit;
    }
  }
  return t;
}

}  // namespace

std::uint64_t word_hash(std::string_view folded) {
  // FNV-1a, finished by a multiply so that the high bits are mixed too.
  std::uint64_t h = 0xcbf29ce484222325U;
  for (const char c : folded) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  h ^= h >> 32U;
  return h * 0x9e3779b97f4a7c15U | 1U;
}

std::uint32_t lists_of(std::uint64_t hash) {
  static const Table table = make_table();
  std::uint64_t at = (hash >> 8U) & table.mask;
  while (table.slots[at].first != 0) {
    if (table.slots[at].first == hash) return table.slots[at].second;
    at = (at + 1) & table.mask;
  }
  return 0;
}

}  // namespace swy::text::pii
