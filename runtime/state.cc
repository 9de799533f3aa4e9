#include "runtime/state.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/syscalls.h"
#include "base/units.h"
#include "runtime/faults.h"
#include "runtime/gate.h"

namespace runtime {
namespace {

constexpr const char* kContainerFile = "container.json";
constexpr const char* kInitFile = "init.json";
constexpr size_t kMaxId = 255;
constexpr int kMakeLockMs = 1000;  // somebody may look whether we have it

bool is_id_byte(char c) {
  const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const bool is_digit = c >= '0' && c <= '9';
  return is_letter || is_digit || std::string_view("_+,-.").find(c) != std::string_view::npos;
}

// One of our small files; nullopt when it is not there, or empty: its writer was killed between open and
// write.
Result<std::optional<Json>> read_document(int dir_fd, const char* name) {
  auto fd = sys::openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd && fd.error().error_number() == ENOENT) return std::optional<Json>();
  if (!fd) return std::move(fd).error();
  const std::string text = TRY_IN(name, read_fd(fd->get()));
  if (text.empty()) return std::optional<Json>();
  return std::optional<Json>(TRY_IN(name, parse_json(text)));
}

Result<void> write_document(int dir_fd, const char* name, const Json& document) {
  const Fd fd = TRY(sys::openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  TRY_IN(name, write_all(fd.get(), dump_json(document)));
  return ok();
}

Status status_of_live(const StateDirectory& directory, const std::optional<ContainerRecord>& record,
                      pid_t pid) {
  Gate gate = gate_at(directory.fd());
  if (is_being_created(directory, gate)) return Status::kCreating;
  // Without the lock nobody is left to open it, unless that has happened since we looked.
  if (gate == Gate::kClosed) gate = gate_at(directory.fd());
  if (gate == Gate::kClosed) return Status::kStopped;
  const bool has_group = record && !record->cgroup.path.empty();
  if (has_group) {
    const auto frozen = cgroups::is_frozen(record->cgroup);
    if (frozen && *frozen) return Status::kPaused;
  }
  if (gate == Gate::kOpen && is_attended(directory.fd())) return Status::kCreated;
  // Before its execve(2) an init that is past its gate is not the container's program yet.
  const auto executed = has_executed(pid);
  if (!executed || *executed) return Status::kRunning;
  return record && record->waits_at_gate ? Status::kCreated : Status::kCreating;
}

}  // namespace

bool is_being_created(const StateDirectory& directory, Gate gate) {
  return gate == Gate::kClosed && directory.is_locked_by_another();
}

Result<void> check_id(const std::string& id) {
  if (id.empty()) return invalid("container id cannot be empty");
  const bool is_name = id != "." && id != ".." && std::all_of(id.begin(), id.end(), is_id_byte);
  if (!is_name) return invalid("invalid container ID format");
  if (id.size() > kMaxId)
    return invalid("invalid container ID format: longer than " + std::to_string(kMaxId) + " bytes");
  return ok();
}

Result<StateDirectory> StateDirectory::make(const std::string& root, const std::string& id) {
  TRY(check_id(id));
  const std::string path = root + "/" + id;
  if (::mkdir(path.c_str(), 0700) < 0) {
    if (errno == ENOENT) {
      TRY(make_directories(root));
      if (::mkdir(path.c_str(), 0700) == 0) errno = 0;
    }
    if (errno == EEXIST) return conflict("container with given ID already exists");
    if (errno != 0) return Error::from_errno("make the state directory " + path, errno);
  }
  fault_at("state.made");
  auto fd = sys::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd && fd.error().error_number() == ENOENT) return not_found("container does not exist");  // deleted
  if (!fd) return std::move(fd).error();
  StateDirectory directory(id, path, std::move(*fd));
  TRY(directory.lock(kMakeLockMs));
  return directory;
}

Result<StateDirectory> StateDirectory::open(const std::string& root, const std::string& id) {
  TRY(check_id(id));
  const std::string path = root + "/" + id;
  auto fd = sys::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd && (fd.error().error_number() == ENOENT || fd.error().error_number() == ENOTDIR))
    return not_found("container does not exist");
  if (!fd) return std::move(fd).error();
  return StateDirectory(id, path, std::move(*fd));
}

Result<void> StateDirectory::write_container(const ContainerRecord& record) const {
  return write_document(fd_.get(), kContainerFile, write_container_record(record));
}

Result<void> StateDirectory::write_init(const ProcessIdentity& init) const {
  InitRecord record = {init, TRY(boot_id())};
  auto written = write_document(fd_.get(), kInitFile, write_init_record(record));
  const bool is_second = !written && written.error().error_number() == EEXIST;
  return is_second ? replace_file(file(kInitFile), dump_json(write_init_record(record))) : written;
}

Result<std::optional<ContainerRecord>> StateDirectory::read_container() const {
  const auto document = TRY(read_document(fd_.get(), kContainerFile));
  if (!document) return std::optional<ContainerRecord>();
  return std::optional<ContainerRecord>(TRY_IN(kContainerFile, read_container_record(*document)));
}

Result<std::optional<InitRecord>> StateDirectory::read_init() const {
  const auto document = TRY(read_document(fd_.get(), kInitFile));
  if (!document) return std::optional<InitRecord>();
  return std::optional<InitRecord>(TRY_IN(kInitFile, read_init_record(*document)));
}

Result<void> StateDirectory::lock(int timeout_ms) const {
  const int64_t deadline = monotonic_ns() + timeout_ms * kMillisecondNs;
  for (;;) {
    auto locked = sys::flock(fd_.get(), LOCK_EX | LOCK_NB);
    if (locked) break;
    if (locked.error().error_number() != EWOULDBLOCK) return locked;
    if (monotonic_ns() > deadline)
      return conflict("container " + id_ + " is being made or deleted by another process");
    ::poll(nullptr, 0, 5);
  }
  struct stat status = {};
  if (::fstat(fd_.get(), &status) < 0 || status.st_nlink == 0) return not_found("container does not exist");
  return ok();
}

void StateDirectory::unlock() const {
  (void)sys::flock(fd_.get(), LOCK_UN);
}

bool StateDirectory::is_locked_by_another() const {
  if (::flock(fd_.get(), LOCK_SH | LOCK_NB) == 0) {
    ::flock(fd_.get(), LOCK_UN);
    return false;
  }
  return errno == EWOULDBLOCK;
}

Result<void> StateDirectory::remove() const {
  // What is there nearly always, by few calls; whatever else there is, by the thorough way.
  for (const char* name : {kContainerFile, kInitFile, "config.json"})
    ::unlinkat(fd_.get(), name, 0);
  if (::rmdir(path_.c_str()) == 0 || errno == ENOENT) return ok();
  return remove_tree(path_);
}

const char* status_name(Status status) {
  switch (status) {
    case Status::kCreating:
      return "creating";
    case Status::kCreated:
      return "created";
    case Status::kRunning:
      return "running";
    case Status::kPaused:
      return "paused";
    case Status::kStopped:
      return "stopped";
  }
  return "unknown";
}

Result<LiveInit> find_init(const StateDirectory& directory) {
  const auto record = TRY(directory.read_init());
  if (!record) return LiveInit{};
  auto pidfd = open_process(record->init);
  if (!pidfd && pidfd.error().kind() == ErrorKind::kNotFound) return LiveInit{};
  if (!pidfd) return std::move(pidfd).error();
  const std::string boot = TRY(boot_id());
  if (boot != record->boot_id) return LiveInit{};
  return LiveInit{std::move(*pidfd), record->init};
}

Result<CurrentState> current_state(const StateDirectory& directory,
                                   const std::optional<ContainerRecord>& record) {
  LiveInit init = TRY(find_init(directory));
  CurrentState state;
  state.init = init.identity;
  state.init_pidfd = std::move(init.pidfd);
  if (state.init_pidfd) {
    state.status = status_of_live(directory, record, state.init.pid);
    return state;
  }
  const bool is_begun = !TRY(directory.read_init()).has_value() && directory.is_locked_by_another();
  state.status = is_begun ? Status::kCreating : Status::kStopped;
  return state;
}

Result<std::vector<std::string>> container_ids(const std::string& root) {
  auto names = list_directory(root);
  if (!names && names.error().kind() == ErrorKind::kNotFound) return std::vector<std::string>();
  if (!names) return std::move(names).error();
  std::erase_if(*names, [](const std::string& name) { return !check_id(name); });
  return std::move(*names);
}

}  // namespace runtime
