// embed_profile PROFILE.json OUTPUT.inc: a profile as the tables that security/builtin_profile.cc includes.
// Runs when vial is built; a profile that can't be read ends the build.
#include <cstdio>

#include "base/file.h"
#include "base/json.h"
#include "base/strings.h"
#include "security/profile.h"

namespace {

using security::ProfileCondition;

// Our own profile's names and operators need no escapes; dump_json() quotes as C++ does.
std::string quoted(const std::string& text) {
  return dump_json(text);
}

std::string condition_row(const ProfileCondition& condition) {
  const int major = condition.min_kernel ? static_cast<int>(condition.min_kernel->major) : -1;
  const unsigned minor = condition.min_kernel ? condition.min_kernel->minor : 0;
  return "{" + std::to_string(condition.capabilities) + "U, " + quoted(join(condition.architectures, ",")) +
         ", " + std::to_string(major) + ", " + std::to_string(minor) + "}";
}

std::string array(const char* type, const char* name, const std::vector<std::string>& rows) {
  return std::string("constexpr std::array<") + type + ", " + std::to_string(rows.size()) + "> " + name +
         " = {{\n" + join(rows, ",\n") + "}};\n";
}

std::string tables(const security::Profile& profile) {
  std::vector<std::string> names;
  std::vector<std::string> arguments;
  std::vector<std::string> rules;
  for (const auto& [rule, includes, excludes] : profile.rules) {
    for (const std::string& name : rule.names)
      names.push_back(quoted(name));
    for (const auto& one : rule.arguments)
      arguments.push_back("{" + std::to_string(one.index) + ", " + std::to_string(one.value) + "U, " +
                          std::to_string(one.value_two) + "U, " + quoted(one.op) + "}");
    rules.push_back("{" + std::to_string(names.size()) + ", " + std::to_string(arguments.size()) + ", " +
                    quoted(rule.action) + ", " +
                    (rule.errno_return ? std::to_string(*rule.errno_return) : std::string("-1")) + ", " +
                    condition_row(includes) + ", " + condition_row(excludes) + "}");
  }
  std::vector<std::string> architectures;
  for (const auto& [name, more] : profile.architecture_map)
    architectures.push_back("{" + quoted(name) + ", " + quoted(join(more, ",")) + "}");
  const std::string default_errno =
      profile.default_errno_return ? std::to_string(*profile.default_errno_return) : "-1";
  return "constexpr const char* kDefaultAction = " + quoted(profile.default_action) +
         ";\nconstexpr int64_t kDefaultErrno = " + default_errno + ";\n" +
         array("ArchitectureRow", "kArchitectures", architectures) + array("const char*", "kNames", names) +
         array("ArgumentRow", "kArguments", arguments) + array("RuleRow", "kRules", rules);
}

Result<void> embed(const std::string& input, const std::string& output) {
  const std::string text = TRY(read_file(input));
  const Json document = TRY_IN(input, parse_json(text));
  const security::Profile profile = TRY_IN(input, security::read_profile(document));
  return replace_file(output,
                      tables(profile) + "constexpr const char* kText = R\"json(" + text + ")json\";\n", 0644);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto done = embed(argv[1], argv[2]);
  if (done) return 0;
  (void)std::fprintf(stderr, "%s\n", printable(done.error().text()).c_str());
  return 1;
}
