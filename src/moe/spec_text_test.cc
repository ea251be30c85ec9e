#include "moe/spec_text.h"

#include <gtest/gtest.h>

#include "moe/fields.h"

namespace swy::moe {
namespace {

TEST(SpecText, EveryPresetComesBackAsItWas) {
  for (const Preset& p : presets()) {
    const auto whole = parse_spec(to_text(p.spec));
    ASSERT_TRUE(whole) << p.name << ": " << whole.error().message;
    EXPECT_EQ(*whole, p.spec) << p.name;
    const auto part = parse_spec(to_text(p.spec, Spec{}));
    ASSERT_TRUE(part) << p.name << ": " << part.error().message;
    EXPECT_EQ(*part, p.spec) << p.name;
  }
  EXPECT_EQ(to_text(Spec{}, Spec{}), "{}");
}

// A field that each_field() forgets would compare equal here although it was changed.
TEST(SpecText, EveryFieldIsNamed) {
  std::size_t fields = 0;
  Spec s;
  each_field(s, [&](std::string_view, const auto&) { ++fields; });
  const auto [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, t, u, v, w, x, y, z, aa, ab, ac,
              ad, ae, af, ag, ah, ai, aj, ak, al] = s;
  (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h, (void)i, (void)j;
  (void)k, (void)l, (void)m, (void)n, (void)o, (void)p, (void)q, (void)r, (void)t, (void)u;
  (void)v, (void)w, (void)x, (void)y, (void)z, (void)aa, (void)ab, (void)ac, (void)ad, (void)ae;
  (void)af, (void)ag, (void)ah, (void)ai, (void)aj, (void)ak, (void)al;
  EXPECT_EQ(fields, 37U);  // as many as the structured binding above has names
}

TEST(SpecText, StartsFromAPreset) {
  const auto spec = parse_spec("{preset: mixtral, k: 4, cap: choice_major, scale: 0.5}");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->k, 4);
  EXPECT_EQ(spec->cap, Cap::kChoiceMajor);
  EXPECT_EQ(spec->scale, 0.5F);
  EXPECT_EQ(spec->weigh, Weigh::kRenorm);
  EXPECT_EQ(parse_spec("")->k, Spec{}.k);
}

TEST(SpecText, SaysWhatIsWrongAndWhere) {
  const auto error = [](std::string_view text) {
    const auto spec = parse_spec(text);
    return spec ? std::string("none") : spec.error().message;
  };
  EXPECT_NE(error("{kk: 3}").find("spec:1:2: there is no field 'kk'"), std::string::npos);
  EXPECT_NE(error("{k: -1}").find("k is a whole number from 0 to 65535"), std::string::npos);
  EXPECT_NE(error("{k: [1]}").find("k is one value"), std::string::npos);
  EXPECT_NE(error("{scale: 1e99}").find("scale is a number"), std::string::npos);
  EXPECT_NE(error("{midpoint: 7}").find("midpoint is true or false"), std::string::npos);
  EXPECT_NE(error("{cap: arival}").find("did you mean arrival"), std::string::npos)
      << error("{cap: arival}");
  EXPECT_NE(error("{preset: mixtrall}").find("did you mean mixtral"), std::string::npos)
      << error("{preset: mixtrall}");
  EXPECT_NE(error("[1]").find("a map of fields"), std::string::npos);
  EXPECT_NE(error("{k: ").find("spec:"), std::string::npos);
}

}  // namespace
}  // namespace swy::moe
