#include "runtime/undo.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/json.h"
#include "base/syscalls.h"
#include "cgroups/group.h"
#include "cgroups/systemd_scope.h"

namespace runtime {
namespace {

constexpr int kSchema = 1;

Result<void> undo_one(const Undo& entry) {
  if (entry.kind == "cgroup") return cgroups::remove_cgroup(entry.target);
  if (entry.kind == "scope") return cgroups::stop_scope(entry.target);
  if (entry.kind == "directory") return remove_tree(entry.target);
  if (entry.kind == "file") {
    if (::unlink(entry.target.c_str()) < 0 && errno != ENOENT)
      return Error::from_errno("unlink " + entry.target, errno);
    return ok();
  }
  return corrupt("undo of unknown kind \"" + entry.kind + "\"");
}

}  // namespace

std::vector<Undo> undo_list(const Plan& plan) {
  std::vector<Undo> entries;
  for (auto step = plan.rbegin(); step != plan.rend(); ++step) {
    for (auto& entry : (*step)->undo())
      entries.push_back(std::move(entry));
  }
  return entries;
}

Result<void> undo_all(const std::vector<Undo>& entries, const UndoHandler& more) {
  Result<void> first;
  for (const auto& entry : entries) {
    Result<void> result;
    if (!more || !more(entry, result)) result = undo_one(entry);
    if (!result && first) first = std::move(result).error().in("undo " + entry.kind + " " + entry.target);
  }
  return first;
}

bool UnusedGroups::undo(const Undo& entry, Result<void>& result) {
  if (entry.kind == "scope") return are_anothers_;  // it comes after its group
  if (entry.kind != "cgroup") return false;
  if (are_anothers_) return true;
  const auto removed = cgroups::remove_unused_cgroup(entry.target);
  if (!removed) result = removed.error();
  are_anothers_ = removed && !*removed;
  return true;
}

Result<void> write_journal(const std::string& path, const std::vector<Undo>& entries) {
  Json list = Json::array();
  for (const auto& entry : entries)
    list.push_back({{"kind", entry.kind}, {"target", entry.target}});
  return replace_file(path, dump_json({{"schema", kSchema}, {"undo", std::move(list)}}));
}

namespace {

Result<std::vector<Undo>> entries_of(const JsonView& view) {
  std::vector<Undo> entries;
  const auto schema = TRY(view.optional_integer("schema"));
  if (schema != kSchema) return unsupported("schema is not " + std::to_string(kSchema));
  const JsonView list = TRY(view.at("undo"));
  const auto items = TRY(list.elements());
  for (const auto& item : items) {
    const JsonView kind = TRY(item.at("kind"));
    const JsonView target = TRY(item.at("target"));
    Undo entry;
    entry.kind = TRY(kind.string());
    entry.target = TRY(target.string());
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

Result<std::vector<Undo>> read_journal(const std::string& path) {
  if (!path_exists(path)) return std::vector<Undo>();
  const Json document = TRY(read_json_file(path));
  return TRY_IN(path, entries_of(JsonView(document)));
}

}  // namespace runtime
