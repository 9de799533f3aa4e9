#include "engine/users.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace engine {

namespace {

constexpr uint64_t kGreatestId = 0x7fffffff;
constexpr size_t kMostLines = 65536;

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

Result<uint32_t> parse_id(const std::string& text, const std::string& what) {
  const auto number = parse_uint(text);
  if (!number || *number > kGreatestId)
    return invalid(what + " \"" + text + "\" is not a number between 0 and 2147483647");
  return static_cast<uint32_t>(*number);
}

// The lines of a file of accounts, each split at its colons; short ones are skipped as getpwent(3) does.
Result<std::vector<std::vector<std::string>>> entries(const std::string& text, const char* name,
                                                      size_t fields) {
  std::vector<std::vector<std::string>> result;
  const auto lines = split(text, '\n');
  if (lines.size() > kMostLines) return invalid(std::string(name) + " has more than 65536 lines");
  for (const auto& line : lines) {
    if (line.empty() || line[0] == '#') continue;
    auto parts = split(line, ':');
    if (parts.size() >= fields) result.push_back(std::move(parts));
  }
  return result;
}

// The same number, however it is written: "00" is 0, "x" is none.
bool is_same_id(const std::string& text, uint32_t id) {
  const auto number = parse_uint(text);
  return number && *number == id;
}

struct Account {
  std::string name;  // empty: only a number
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::string home = "/";
};

constexpr size_t kPasswdFields = 6;  // name:password:uid:gid:gecos:home[:shell]
constexpr size_t kGroupFields = 3;   // name:password:gid[:members]

Result<Account> find_account(const std::string& user, const std::string& passwd) {
  const auto lines = TRY(entries(passwd, "/etc/passwd", kPasswdFields));
  const bool by_number = user.empty() || is_number(user);
  Account account;
  if (by_number && !user.empty()) account.uid = TRY(parse_id(user, "user"));
  const auto line = std::find_if(lines.begin(), lines.end(), [&](const auto& fields) {
    return by_number ? is_same_id(fields[2], account.uid) : fields[0] == user;
  });
  if (line == lines.end()) {
    if (by_number) return account;
    return invalid("unable to find user " + user + ": no matching entries in passwd file");
  }
  account.name = (*line)[0];
  account.uid = TRY(parse_id((*line)[2], "/etc/passwd: uid of " + account.name));
  account.gid = TRY(parse_id((*line)[3], "/etc/passwd: gid of " + account.name));
  const std::string& home = (*line)[5];
  if (home.starts_with('/')) account.home = home;
  return account;
}

Result<uint32_t> find_group(const std::string& group, const std::vector<std::vector<std::string>>& lines) {
  if (is_number(group)) return parse_id(group, "group");
  for (const auto& fields : lines) {
    if (fields[0] == group) return parse_id(fields[2], "/etc/group: gid of " + group);
  }
  return invalid("unable to find group " + group + ": no matching entries in group file");
}

Result<std::vector<uint32_t>> groups_of(const std::string& name,
                                        const std::vector<std::vector<std::string>>& lines) {
  std::vector<uint32_t> gids;
  for (const auto& fields : lines) {
    if (name.empty() || fields.size() <= kGroupFields) continue;
    const auto members = split(fields[3], ',');
    if (std::find(members.begin(), members.end(), name) == members.end()) continue;
    gids.push_back(TRY(parse_id(fields[2], "/etc/group: gid of " + fields[0])));
  }
  return gids;
}

}  // namespace

Result<ContainerUser> find_user(const std::string& user, const std::vector<std::string>& group_add,
                                const AccountFiles& files) {
  const size_t colon = user.find(':');
  const std::string user_part = user.substr(0, colon);
  const std::string group_part = colon == std::string::npos ? "" : user.substr(colon + 1);
  const Account account = TRY(find_account(user_part, files.passwd));
  const auto groups = TRY(entries(files.group, "/etc/group", kGroupFields));

  ContainerUser result;
  result.uid = account.uid;
  result.gid = account.gid;
  result.home = account.home;
  std::vector<uint32_t> more;
  if (group_part.empty()) {
    more = TRY(groups_of(account.name, groups));
  } else {
    result.gid = TRY(find_group(group_part, groups));
  }
  for (const auto& group : group_add)
    more.push_back(TRY(find_group(group, groups)));
  result.additional_gids.push_back(result.gid);
  for (const uint32_t gid : more) {
    auto& gids = result.additional_gids;
    if (std::find(gids.begin(), gids.end(), gid) == gids.end()) gids.push_back(gid);
  }
  return result;
}

}  // namespace engine
