#include <gtest/gtest.h>

#include "route/testing/plugin_lab.h"

namespace swy::route::testing {
namespace {

TEST(RoleSignal, IsTrueForAListedRoleFalseForAnotherUnknownForNone) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: role, any: [admin, staff] }");
  Asked staff("hi");
  staff.role("staff");
  EXPECT_EQ(PluginLab::ask(*s, staff).truth, Truth::kTrue);
  EXPECT_EQ(PluginLab::ask(*s, staff).label.view(), "staff");
  Asked user("hi");
  user.role("user");
  EXPECT_EQ(PluginLab::ask(*s, user).truth, Truth::kFalse);
  EXPECT_EQ(PluginLab::ask(*s, user).label.view(), "user");
  EXPECT_EQ(PluginLab::ask(*s, "hi").truth, Truth::kUnknown);
}

TEST(RoleSignal, WithoutAListEveryRolePasses) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: role }");
  Asked a;
  a.role("x");
  EXPECT_EQ(PluginLab::ask(*s, a).truth, Truth::kTrue);
}

TEST(RoleSignal, CutsALongLabelAtACodePoint) {
  PluginLab lab;
  const auto s = lab.make_signal("{ type: role }");
  Asked a;
  a.role(std::string(29, 'a') + "\xC3\xA9tude");
  EXPECT_EQ(PluginLab::ask(*s, a).label.view(), std::string(29, 'a'));
}

TEST(RoleSignal, RejectsUnknownKeysAndEmptyNames) {
  PluginLab lab;
  EXPECT_FALSE(lab.make_signal("{ type: role, an: [admin] }"));
  EXPECT_NE(lab.errors().find("unknown key 'an', did you mean any"), std::string::npos)
      << lab.errors();
  EXPECT_FALSE(lab.make_signal("{ type: role, any: [''] }"));
  EXPECT_FALSE(lab.make_signal("{ type: role, any: { a: b } }"));
  EXPECT_NE(lab.errors().find("any must be a list of texts"), std::string::npos) << lab.errors();
}

}  // namespace
}  // namespace swy::route::testing
