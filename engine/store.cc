#include "engine/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/syscalls.h"
#include "engine/names.h"
#include "engine/recover.h"

namespace engine {

namespace {

constexpr const char* kRecordFile = "/record.json";
constexpr unsigned kNameAttempts = 200;

// Directory names that are ids; anything else in there is not ours to judge.
Result<std::vector<std::string>> ids_in(const std::string& directory) {
  auto names = list_directory(directory);
  if (!names && names.error().kind() == ErrorKind::kNotFound) return std::vector<std::string>();
  if (!names) return names;
  std::erase_if(*names, [](const std::string& name) { return !is_full_id(name); });
  return names;
}

Result<std::optional<Json>> read_optional_json(const std::string& path) {
  auto document = read_json_file(path);
  if (document) return std::optional<Json>(std::move(*document));
  if (document.error().error_number() == ENOENT || document.error().error_number() == ENOTDIR)
    return std::optional<Json>();
  return std::move(document).error();
}

Error no_such_container(const std::string& text) {
  return not_found("No such container: " + text);
}

constexpr const char* kContainersFromNames = "../containers/";

// The id that holds a name; empty when nobody does.
std::string name_holder(const std::string& root, const std::string& name) {
  const auto target = sys::readlinkat(AT_FDCWD, (root + "/names/" + name).c_str());
  if (!target || !target->starts_with(kContainersFromNames)) return {};
  std::string id = target->substr(std::string(kContainersFromNames).size());
  return is_full_id(id) ? id : std::string();
}

// Held while a name changes hands.
Result<Fd> guard_names(const std::string& run_root) {
  Fd guard = TRY(sys::open((run_root + "/names.lock").c_str(), O_RDWR | O_CREAT, 0600));
  TRY(sys::flock(guard.get(), LOCK_EX));
  return guard;
}

// Renames `from` to `to`; a source that is not there is no error.
Result<void> move_away(const std::string& from, const std::string& to) {
  auto moved = sys::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0);
  if (!moved && moved.error().error_number() == ENOENT) return ok();
  return moved;
}

}  // namespace

std::string Store::container_directory(const std::string& id) const {
  return root_ + "/containers/" + id;
}
std::string Store::run_directory(const std::string& id) const {
  return run_root_ + "/containers/" + id;
}
std::string Store::volume_directory(const std::string& name) const {
  return root_ + "/volumes/" + name;
}
std::string Store::trash_directory(const std::string& id) const {
  return root_ + "/trash/" + id;
}
std::string Store::run_trash_directory(const std::string& id) const {
  return run_root_ + "/trash/" + id;
}

Result<void> Store::prepare() const {
  for (const char* name : {"/containers", "/names", "/trash", "/volumes"}) {
    if (!path_exists(root_ + name)) TRY(make_directories(root_ + name));
  }
  for (const char* name : {"/containers", "/trash"}) {
    if (!path_exists(run_root_ + name)) TRY(make_directories(run_root_ + name));
  }
  return ok();
}

Result<std::vector<std::string>> Store::container_ids() const {
  return ids_in(root_ + "/containers");
}
Result<std::vector<std::string>> Store::run_ids() const {
  return ids_in(run_root_ + "/containers");
}
Result<std::vector<std::string>> Store::trash_ids() const {
  auto ids = TRY(ids_in(root_ + "/trash"));
  const auto run_ids = TRY(ids_in(run_root_ + "/trash"));
  ids.insert(ids.end(), run_ids.begin(), run_ids.end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

Result<std::string> Store::resolve(const std::string& text) const {
  if (is_full_id(text) && path_exists(container_directory(text) + kRecordFile)) return text;
  const std::string name = bare_name(text);
  if (check_name(name)) {
    std::string holder = name_holder(root_, name);
    if (!holder.empty() && path_exists(container_directory(holder) + kRecordFile)) return holder;
  }
  if (!is_id_prefix(text)) return no_such_container(text);
  const auto ids = TRY(container_ids());
  std::vector<std::string> matches;
  for (auto found = std::lower_bound(ids.begin(), ids.end(), text); found != ids.end(); ++found) {
    if (!found->starts_with(text)) break;
    if (path_exists(container_directory(*found) + kRecordFile)) matches.push_back(*found);
  }
  if (matches.size() > 1) return invalid("Multiple IDs found with provided prefix: " + text);
  if (matches.empty()) return no_such_container(text);
  return matches[0];
}

Result<std::optional<RunState>> Store::load_state(const std::string& id) const {
  const auto document = TRY(read_optional_json(run_directory(id) + "/state.json"));
  if (!document) return std::optional<RunState>();
  return std::optional<RunState>(TRY_IN("state.json", read_state(*document)));
}

Result<std::optional<ExitRecord>> Store::load_exit(const std::string& id) const {
  const auto document = TRY(read_optional_json(container_directory(id) + "/exit.json"));
  if (!document) return std::optional<ExitRecord>();
  return std::optional<ExitRecord>(TRY_IN("exit.json", read_exit(*document)));
}

Result<void> Store::save_record(const ContainerRecord& record) const {
  return replace_file(container_directory(record.id) + kRecordFile, dump_json(write_record(record), 1));
}

Result<Container> Store::load(const std::string& id) const {
  const auto document = TRY(read_optional_json(container_directory(id) + kRecordFile));
  if (!document) return no_such_container(id);
  const std::string what = "container " + id.substr(0, 12);
  Container container;
  container.record = TRY_IN(what + ": record.json", read_record(*document));
  if (container.record.id != id) return corrupt(what + ": record.json belongs to another container");
  const auto state = TRY_IN(what, load_state(id));
  const auto exit = TRY_IN(what, load_exit(id));
  if (boot_.empty()) boot_ = TRY(boot_id());
  container.state = derive_state(state, exit, boot_);
  return container;
}

Result<Container> Store::load_settled(const std::string& id) const {
  Container container = TRY(load(id));
  const CurrentState& state = container.state;
  const bool is_lost =
      state.status == Status::kExited && state.last_exit && state.last_exit->finished_ns == 0;
  if (!is_lost || !make_run_directory(id)) return container;
  const auto owner = own(id, false);
  if (owner && settle(*this, id)) return load(id);
  // Its owner lives: it is being started at this moment.
  container.state = CurrentState();
  return container;
}

Result<Container> Store::find(const std::string& text) const {
  const std::string id = TRY(resolve(text));
  return load_settled(id);
}

Result<Listing> Store::list() const {
  Listing listing;
  const auto ids = TRY(container_ids());
  for (const auto& id : ids) {
    auto container = load_settled(id);
    if (container) {
      listing.containers.push_back(std::move(*container));
    } else if (container.error().kind() != ErrorKind::kNotFound) {
      // Not there: being made or removed at this moment. Everything else is damage to be shown.
      listing.damaged.push_back({id, container.error().text()});
    }
  }
  std::stable_sort(listing.containers.begin(), listing.containers.end(),
                   [](const auto& a, const auto& b) { return a.record.created_ns > b.record.created_ns; });
  return listing;
}

Result<void> Store::reserve_name(const std::string& name, const std::string& id) const {
  // A symbolic link appears with its content in one call, and shows the way: names/web -> ../containers/ID.
  const std::string path = root_ + "/names/" + name;
  const std::string target = kContainersFromNames + id;
  auto made = sys::symlinkat(target.c_str(), AT_FDCWD, path.c_str());
  if (made || made.error().error_number() != EEXIST) return made;
  // A name whose container is gone (a kill between two steps of a removal) is taken over, by one at a time.
  const Fd guard = TRY(guard_names(run_root_));
  const std::string holder = name_holder(root_, name);
  if (!holder.empty() && path_exists(container_directory(holder))) {
    return conflict("Conflict. The container name \"/" + name + "\" is already in use by container \"" +
                    holder +
                    "\". You have to remove (or rename) that container to be able to reuse that name.");
  }
  const std::string temporary = path + ".tmp~" + id.substr(0, 12);  // '~' is in no name
  TRY(sys::symlinkat(target.c_str(), AT_FDCWD, temporary.c_str()));
  return sys::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), 0);
}

Result<std::string> Store::reserve_random_name(const std::string& id) const {
  for (unsigned attempt = 0; attempt < kNameAttempts; ++attempt) {
    std::string name = random_name(attempt / 4);
    auto reserved = reserve_name(name, id);
    if (reserved) return name;
    if (reserved.error().kind() != ErrorKind::kConflict) return std::move(reserved).error();
  }
  return conflict("no free random name was found: give one with --name");
}

Result<void> Store::make_run_directory(const std::string& id) const {
  auto made = sys::mkdir(run_directory(id).c_str(), 0700);
  if (!made && made.error().error_number() == EEXIST) return ok();
  return made;
}

Result<Fd> Store::lock(const std::string& id) const {
  TRY(make_run_directory(id));
  auto fd = sys::open((run_directory(id) + "/lock").c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  // Its directory went between the two calls: somebody else has removed it.
  if (!fd && fd.error().error_number() == ENOENT)
    return not_found("No such container: " + id.substr(0, 12) + " (it was removed meanwhile)");
  if (!fd) return fd;
  TRY(sys::flock(fd->get(), LOCK_EX));
  return fd;
}

Result<Fd> Store::own(const std::string& id, bool wait) const {
  Fd fd = TRY(sys::open((run_directory(id) + "/owner").c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  auto locked = sys::flock(fd.get(), wait ? LOCK_EX : LOCK_EX | LOCK_NB);
  if (!locked && locked.error().error_number() == EWOULDBLOCK)
    return conflict("container " + id.substr(0, 12) + " is in use");
  if (!locked) return std::move(locked).error();
  return fd;
}

Result<void> Store::discard(const std::string& id) const {
  // The name is read before the record goes; a file in names/ of a gone container is harmless (reserve_name).
  std::string name;
  if (const auto document = read_optional_json(container_directory(id) + kRecordFile);
      document && *document) {
    const JsonView view(**document);
    name = view.string_or("name", "").value_or("");
  }
  TRY(move_away(container_directory(id), trash_directory(id)));
  if (check_name(name)) {
    const Fd guard = TRY(guard_names(run_root_));
    if (name_holder(root_, name) == id) ::unlink((root_ + "/names/" + name).c_str());
  } else {
    TRY(release_names_of(id));
  }
  return move_away(run_directory(id), run_trash_directory(id));
}

Result<void> Store::release_names_of(const std::string& id) const {
  const Fd guard = TRY(guard_names(run_root_));
  const auto names = TRY(list_directory(root_ + "/names"));
  for (const auto& name : names) {
    if (name_holder(root_, name) == id) ::unlink((root_ + "/names/" + name).c_str());
  }
  return ok();
}

Result<void> Store::empty_trash(const std::string& id) const {
  TRY(remove_tree(trash_directory(id)));
  return remove_tree(run_trash_directory(id));
}

}  // namespace engine
