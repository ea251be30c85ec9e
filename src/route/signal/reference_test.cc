// The reference pages say what the plug-ins bind: every signal and guard has a section with its
// option table, exact.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "route/output.h"
#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

// One table row per option, in the order of bind().
std::string table(const std::vector<base::OptionInfo>& options) {
  std::string out = "| option | type | default | range | meaning |\n|---|---|---|---|---|\n";
  for (const base::OptionInfo& o : options) {
    const bool left_out = o.default_value.empty() || o.default_value == "nan";
    out += fmt::format("| `{}` | {} | {} | {} | {} |\n", o.name, o.type,
                       left_out ? "" : "`" + o.default_value + "`", o.range, o.help);
  }
  return out;
}

// The text under "## name" up to the next heading of that level.
std::string section(const std::string& page, std::string_view name) {
  const std::string head = fmt::format("\n## {}\n", name);
  const std::size_t at = page.find(head);
  if (at == std::string::npos) return "";
  return page.substr(at, page.find("\n## ", at + head.size()) - at);
}

// The first ```yaml block of a section: `name: { type: ... }`.
std::string example(const std::string& text) {
  const std::string open = "```yaml\n";
  const std::size_t at = text.find(open);
  if (at == std::string::npos) return "";
  return text.substr(at + open.size(), text.find("\n```", at + open.size()) + 1 - at - open.size());
}

std::vector<Card> models() {
  std::vector<Card> cards(2);
  cards[0].name = "small";
  cards[0].upstream = "local";
  cards[1].name = "large";
  cards[1].upstream = "openai";
  return cards;
}

template <typename T>
void check_page(const std::string& file,
                const std::map<std::string, Factory<T>, std::less<>>& makers,
                std::string_view needs_files = "") {
  const auto page = base::read_file(std::string(SWY_SOURCE_DIR "/docs/reference/") + file);
  ASSERT_TRUE(page) << page.error().message;
  for (const auto& [name, factory] : makers) {
    PluginLab lab(models());
    const std::string text = section(*page, name);
    EXPECT_FALSE(text.empty()) << file << " lacks a section " << name;
    const std::string wanted = table(lab.options<T>(factory));
    EXPECT_NE(text.find(wanted), std::string::npos)
        << file << ", " << name << ": the table should be\n"
        << wanted;
    base::Diagnostics diag("example");
    const auto doc = base::parse_yaml(example(text), diag);
    ASSERT_TRUE(doc && doc->is_map() && !doc->members().empty()) << name << ": no YAML example\n"
                                                                 << diag.to_text();
    if (name == needs_files) continue;  // its example names a model that is not in the repository
    for (const auto& entry : doc->members()) {
      EXPECT_TRUE(factory(entry.value, lab)) << name << ": " << lab.errors();
    }
  }
}

TEST(ReferencePage, ListsEverySignalWithItsOptionsAndAnExampleThatBuilds) {
  check_page<Signal>("signals.md", lab_registry().signals());
}

TEST(ReferencePage, ListsEveryEncoderWithItsOptions) {
  check_page<Encoder>("encoders.md", lab_registry().encoders(), "transformer");
}

TEST(ReferencePage, ListsEveryGuardWithItsOptionsAndAnExampleThatBuilds) {
  check_page<Guard>("guards.md", lab_registry().guards());
}

TEST(ReferencePage, ListsEveryTypeOfOutputGuardWithItsOptions) {
  const auto page = base::read_file(SWY_SOURCE_DIR "/docs/reference/guards.md");
  ASSERT_TRUE(page);
  for (const std::string& type : output_guard_types()) {
    const std::string wanted = table(output_guard_options(type));
    EXPECT_NE(section(*page, "output " + type).find(wanted), std::string::npos) << wanted;
  }
}

}  // namespace
}  // namespace swy::route::testing
