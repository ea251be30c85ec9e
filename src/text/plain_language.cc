// Function words, counted in windows.
//
// What: yes when the text has few code signs, no URL, no letter beyond Latin-1 (and oe), and at
// least kMinWords words, and of every kWindow words in a row at least kMinHits are function words
// of one language that hardly occur in other languages written with the same letters (so no "in",
// "is", "was", "for", "at", "or", "do", "of", "we", "my", "by" for English: German, Dutch, Danish,
// Polish, French and Portuguese have them too; no "que", "para", "con" for Spanish). For languages
// other than English the window may hold one word of another list for each kForeignShare of its
// own. Fences and inline code are skipped, as before the detector. Why: in running text about every
// third word is on a list of its own language and none on another's; a window without them may be
// another language, a list of names or a table, and then the detector decides. The last window is
// the last kWindow words, so no stretch is outside of all windows. Cost: 0.9 ns a byte, no
// allocation: letters as bits (masks.h), a word of at most eight bytes as one number, one look-up
// in a perfect hash table per word. When it loses: text without function words (headlines, lists)
// is not recognised, which costs time only; a few words of another language inside a window are not
// seen; relatives without a detector's model of their own (Friulian) are taken for their neighbour.
// Measured against the detector: 56,811 of 367,824 prompts, answers and other texts, 2
// contradicted; 7,702 of 168,943 paragraphs of program messages in 196 locales, 64 contradicted, in
// 36 of them by a detector that was wrong or silent. The lists were chosen with these at hand.
// Source: none. Test: language_test.cc.
#include "text/plain_language.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "text/detail/code_span.h"
#include "text/detail/masks.h"
#include "text/utf8.h"

namespace swy::text {
namespace {

constexpr std::uint32_t kMinWords = 16;
constexpr std::uint32_t kWindow = 24;
constexpr std::uint32_t kMinHits = 3;
constexpr std::uint32_t kForeignShare = 3;  // at most one foreign word to so many own ones

// A list's number is its index + 1; 0 is none. The last one has words of languages that share words
// with those before (Catalan, Galician, Asturian, Afrikaans, Danish, Welsh, Hungarian): they speak
// against all of them.
constexpr std::size_t kLists = 8;
constexpr std::array<std::string_view, kLists> kCodes = {"en", "de", "fr", "es", "it", "pt", "nl"};
constexpr std::array<std::string_view, kLists> kFunctionWords = {
    "the and to that this with you your are it not have has from they them their which what "
    "when would could should will can how does there were been being our if but because about "
    "into than then who why please some these those she his where while after before each "
    "every very just",
    "und nicht ist ich auf eine einen einem einer eines sich auch wird werden wurde für mich "
    "kann kannst können oder wenn haben aber zum zur diese dieser dieses durch sind über mir "
    "dass beim sehr bitte kein keine ihre ihr wir welche zwischen muss müssen jedes sein "
    "seine seit hier bei unter nach vor gibt der das im dem wie noch vom aus als nur mehr "
    "meine möchte möchten warum immer schon jahr jahre jahren heute hat",
    "une dans pour vous nous avec cette sont aux leur leurs être été elle elles ils est sur "
    "ces quand très aussi comme peut tout tous toute toutes depuis chez donc même parce après "
    "avant sans faire fait votre notre pouvez qu mon ses encore alors celui des du je au ma "
    "quels quel quelle deux trois rien jamais où dont",
    "el los las y más muy también hay donde desde hasta puede pueden hacer cuando fue sin "
    "pero ese eso unos ellos ella usted quiero tiene tienen hace había año años cómo qué así "
    "ahora nadie debe está están han sido hacen dice dame necesito todos por",
    "che gli della delle dello degli dei nel nella nelle sono questo questa questi queste più "
    "anche essere è alla dalla sulla dal sul perché cosa molto ogni loro nei può puoi deve "
    "stato quali vorrei mi il",
    "não uma você vocês são muito também pela pelo isso até já às há minha seus suas sua ele "
    "eles quem então ainda mesmo esse essa fazer têm estão será nossa nosso depois foi ao aos "
    "em meu os",
    "een niet zijn voor wordt worden naar hij deze uit heeft hebben geen mijn werd kunt ik "
    "nog uw jij wij zij onze zou welke tussen omdat graag het dat ook maar aan van",
    "amb els dels és aquest aquesta aquests seu seva són però també només nou fitxer unha dun "
    "dunha nun nunha cando máis tamén xa nie pol pola pels pel ensin esti vir hierdie wat "
    "ikke og af ved yn ar ei az nem hogy egy lu ho hi"};

// A word of at most eight bytes as one number, the first byte lowest. Bit 5 set folds the case of
// ASCII letters and of the Latin-1 letters' second byte; it also maps the lead byte C3 to E3, whose
// own sequences never come here.
constexpr std::uint64_t kCase = 0x2020202020202020U;
constexpr std::uint64_t pack(std::string_view w) {
  std::uint64_t n = 0;
  for (std::size_t i = w.size(); i > 0; --i)
    n = n << 8U | static_cast<unsigned char>(w[i - 1]) | 0x20U;
  return n;
}

// Hash and displace: every key has its slot to itself, so that a look-up is one comparison.
constexpr std::size_t kSlots = 1024;
constexpr std::size_t kBuckets = 256;
constexpr std::uint64_t mix(std::uint64_t n) { return n * 0x9E3779B97F4A7C15U; }
constexpr std::size_t bucket_of(std::uint64_t hash) {
  return static_cast<std::size_t>(hash >> 56U);
}
constexpr std::size_t slot_of(std::uint64_t hash, std::uint32_t shift) {
  return (static_cast<std::size_t>(hash >> 40U) + shift) % kSlots;
}

struct Table {
  std::array<std::uint64_t, kSlots> key{};
  std::array<std::uint8_t, kSlots> list{};
  std::array<std::uint16_t, kBuckets> shift{};

  [[nodiscard]] std::uint8_t find(std::uint64_t n) const {
    const std::uint64_t hash = mix(n);
    const std::size_t at = slot_of(hash, shift[bucket_of(hash)]);
    // No branch: it would be a guess.
    return static_cast<std::uint8_t>(list[at] & (0U - static_cast<unsigned>(key[at] == n)));
  }
};

struct Word {
  std::uint64_t key = 0;
  std::uint64_t hash = 0;
  std::uint8_t list = 0;
};
constexpr std::size_t kWordCount = [] {
  std::size_t n = 0;
  for (std::size_t l = 0; l < kLists; ++l) {
    n += 1;
    for (const char c : kFunctionWords[l]) n += c == ' ' ? 1 : 0;
  }
  return n;
}();
// In the order of their buckets.
constexpr std::array<Word, kWordCount> kWords = [] {
  std::array<Word, kWordCount> out{};
  std::size_t n = 0;
  for (std::size_t l = 0; l < kLists; ++l) {
    for (std::string_view rest = kFunctionWords[l]; !rest.empty(); ++n) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      const std::uint64_t key = pack(rest.substr(0, end));
      out[n] = {key, mix(key), static_cast<std::uint8_t>(l + 1)};
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  std::sort(out.begin(), out.end(), [](const Word& a, const Word& b) { return a.hash < b.hash; });
  return out;
}();

// Puts the words [from, to) of one bucket at this shift; false when a slot is taken.
constexpr bool place(Table& t, std::size_t from, std::size_t to, std::uint32_t shift) {
  for (std::size_t i = from; i < to; ++i) {
    const std::size_t at = slot_of(kWords[i].hash, shift);
    if (t.key[at] != 0) {
      while (i-- > from) t.key[slot_of(kWords[i].hash, shift)] = 0;
      return false;
    }
    t.key[at] = kWords[i].key;
    t.list[at] = kWords[i].list;
  }
  t.shift[bucket_of(kWords[from].hash)] = static_cast<std::uint16_t>(shift);
  return true;
}
constexpr Table kTable = [] {
  Table t;
  for (std::size_t from = 0; from < kWordCount;) {
    std::size_t to = from + 1;
    while (to < kWordCount && bucket_of(kWords[to].hash) == bucket_of(kWords[from].hash)) ++to;
    std::uint32_t shift = 0;
    while (!place(t, from, to, shift)) ++shift;  // a word in two lists never ends: no compilation
    from = to;
  }
  return t;
}();

constexpr std::array<std::uint8_t, 1> kNone{};

// How many of the last kWindow words are in each list, eight bits a list.
class Windows {
 public:
  // Takes the lists of words in a row. False: some kWindow words are not in one language beyond
  // doubt.
  bool add(std::span<const std::uint8_t> lists) {
    std::uint64_t hits = hits_;
    std::uint32_t words = words_;
    for (const std::uint8_t list : lists) {
      hits += unit(list) - unit(ring_[(words - kWindow) % ring_.size()]);
      ring_[words % ring_.size()] = list;
      ++words;
      if (words < kWindow) continue;
      if (words == kWindow) choose(hits);
      if (!sound(hits)) return false;
    }
    hits_ = hits;
    words_ = words;
    return true;
  }
  // The language of all words, "" if in doubt.
  std::string_view verdict() {
    if (words_ < kMinWords) return {};
    if (words_ < kWindow) choose(hits_);
    return sound(hits_) ? kCodes[chosen_] : std::string_view();
  }

 private:
  static std::uint64_t unit(std::uint8_t list) {
    return static_cast<std::uint64_t>(list != 0) << (8U * (list - 1U) & 63U);
  }
  static std::uint32_t of(std::uint64_t hits, std::size_t index) {
    return static_cast<std::uint32_t>(hits >> (8 * index) & 0xFFU);
  }
  void choose(std::uint64_t hits) {
    if (of(hits, kEnglish) >= kMinHits) return;
    for (std::size_t i = 1; i + 1 < kLists; ++i) {
      if (of(hits, i) > of(hits, chosen_)) chosen_ = i;
    }
  }
  [[nodiscard]] bool sound(std::uint64_t hits) const {
    const std::uint32_t own = of(hits, chosen_);
    if (own < kMinHits) return false;
    const std::uint64_t all = hits * 0x0101010101010101U >> 56U;
    return chosen_ == kEnglish || (all - own) * kForeignShare <= own;
  }

  static constexpr std::size_t kEnglish = 0;
  std::array<std::uint8_t, 32> ring_{};
  std::uint32_t words_ = 0;
  std::size_t chosen_ = kEnglish;
  std::uint64_t hits_ = 0;
};

class Scan {
 public:
  Scan(std::string_view text, std::size_t end) : text_(text), end_(end) {}

  std::optional<PlainLanguage> run() {
    while (pos_ < end_) {
      if (!block()) return std::nullopt;
    }
    const std::string_view code = windows_.verdict();
    // Prose has one code sign in fifty letters or fewer; from one in eight on the detector calls a
    // text code.
    if (code.empty() || signs_ * 16 > letters_) return std::nullopt;
    return PlainLanguage{code, static_cast<int>(letters_)};
  }

 private:
  // Reads up to a block from pos_ on: to its end, to a code span, or to a word or sequence that
  // crosses the edge. False: this text is not for here.
  bool block() {
    bytes_ = text_.data() + pos_;
    if (text_.size() - pos_ < copy_.size()) {  // the words are read eight bytes at a time
      copy_.fill(0);
      std::memcpy(copy_.data(), bytes_, text_.size() - pos_);
      bytes_ = copy_.data();
    }
    const Block b(bytes_);
    const std::uint64_t ascii_letters = b.letters();
    const std::uint64_t high = b.high();
    use_ = std::min(kBlock, end_ - pos_);
    next_ = pos_ + use_;
    open_ = next_ < end_;
    std::uint64_t letters = ascii_letters;
    if (high != 0 && !beyond_ascii(high, letters)) return false;
    const std::uint64_t common =
        letters | high | b.between('\0', '"') | b.between(',', '.') | b.between('0', '9');
    for (std::uint64_t m = ~common & low_bits(use_); m != 0; m &= m - 1) {
      const std::size_t i = lowest(m);
      if (bytes_[i] == '`' && code_span(i)) break;
      if (bytes_[i] == ':' && bytes_[i + 1] == '/' && bytes_[i + 2] == '/') return false;
      signs_ += is_code_sign(bytes_[i]) ? 1 : 0;
    }
    letters &= low_bits(use_);
    if (!words(letters)) return false;
    letters &= low_bits(use_);
    letters_ += count_bits(letters & ascii_letters) + count_bits(letters & ~ascii_letters) / 2;
    pos_ = next_;
    return true;
  }

  bool code_span(std::size_t i) {
    const std::size_t n = code_length(text_, pos_ + i);
    if (n == 0) return false;
    use_ = i;
    next_ = pos_ + i + n;
    open_ = false;
    return true;
  }

  // Latin-1 letters join the letters; quotes, dashes and spaces part words; all else is not for
  // here.
  bool beyond_ascii(std::uint64_t high, std::uint64_t& letters) {
    for (std::uint64_t m = high & low_bits(use_); m != 0;) {
      const std::size_t i = lowest(m);
      const auto at = [&](std::size_t k) { return static_cast<unsigned char>(bytes_[i + k]); };
      const unsigned char lead = at(0);
      const unsigned char second = at(1);
      const bool letter = lead == 0xC3
                              ? second >= 0x80 && second < 0xC0 && second != 0x97 && second != 0xB7
                              : lead == 0xC5 && (second == 0x92 || second == 0x93);
      // U+2010 to U+203F: dashes, quotes, bullets, the ellipsis.
      const bool quote = lead == 0xE2 && second == 0x80 && at(2) >= 0x90 && at(2) < 0xC0;
      const bool latin_sign = lead == 0xC2 && (second == 0xA0 || second == 0xA1 || second == 0xAB ||
                                               second == 0xBB || second == 0xBF);
      if (!letter && !quote && !latin_sign) return false;
      const std::size_t n = quote ? 3 : 2;
      if (i + n > use_) {  // crosses the edge: the next block begins with it
        if (!open_) return false;
        use_ = i;
        next_ = pos_ + i;
        return true;
      }
      if (letter) letters |= std::uint64_t{3} << i;
      m &= ~low_bits(i + n);
    }
    return true;
  }

  // Adds the words of what is used of the block. One that the edge cuts is left for the next block
  // to begin with; one longer than a block is no function word and is passed over.
  bool words(std::uint64_t letters) {
    const bool within = within_;
    within_ = false;
    if (open_ && (letters >> (use_ - 1) & 1U) != 0) {
      const auto cut = static_cast<std::size_t>(std::countl_one(letters << (kBlock - use_)));
      if (cut == use_) {  // all of the block is one word
        within_ = true;
        return within || windows_.add(kNone);
      }
      use_ -= cut;
      next_ = pos_ + use_;
      letters &= low_bits(use_);
    }
    if (within) letters &= letters + 1;  // the rest of the long word
    std::uint64_t starts = letters & ~(letters << 1U);
    std::uint64_t ends = ~letters & (letters << 1U);
    // Two loops: the look-ups do not wait for one another.
    std::array<std::uint8_t, kBlock / 2 + 1> lists;
    std::size_t n = 0;
    for (; starts != 0; starts &= starts - 1, ends &= ends - 1) {
      const std::size_t s = lowest(starts);
      const std::size_t e = ends == 0 ? kBlock : lowest(ends);
      lists[n++] = kTable.find(key(s, e - s));
    }
    return windows_.add({lists.data(), n});
  }

  // As pack() makes it; 0, which is no word, for more than eight bytes.
  [[nodiscard]] std::uint64_t key(std::size_t at, std::size_t size) const {
    static constexpr std::array<std::uint64_t, 10> kMasks = {0,
                                                             0xFF,
                                                             0xFFFF,
                                                             0xFFFFFF,
                                                             0xFFFFFFFF,
                                                             0xFFFFFFFFFF,
                                                             0xFFFFFFFFFFFF,
                                                             0xFFFFFFFFFFFFFF,
                                                             0xFFFFFFFFFFFFFFFF,
                                                             0};
    std::uint64_t n = 0;
    std::memcpy(&n, bytes_ + at, sizeof n);
    if constexpr (std::endian::native == std::endian::big) n = __builtin_bswap64(n);
    return (n | kCase) & kMasks[std::min<std::size_t>(size, 9)];
  }

  std::string_view text_;
  std::size_t end_;
  std::size_t pos_ = 0;
  const char* bytes_ = nullptr;  // of the block, with eight more
  std::size_t use_ = 0;          // how many bytes of the block are read
  std::size_t next_ = 0;         // where the next block begins
  bool open_ = false;            // a word may go on after what is used
  bool within_ = false;          // the block begins inside a long word
  std::array<char, kBlock + 8> copy_;
  Windows windows_;
  std::uint32_t letters_ = 0;
  std::uint32_t signs_ = 0;
};

}  // namespace

std::optional<PlainLanguage> plain_language(std::string_view text, std::size_t max_bytes) {
  return Scan(text, clip(text, max_bytes).size()).run();
}

}  // namespace swy::text
