// Ids, records, the derived status, and the gate between two processes.
#include "runtime/state.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>

#include "base/file.h"
#include "base/json.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "runtime/gate.h"
#include "runtime/handshake.h"
#include "tests/unit/temporary_directory.h"

namespace {

runtime::ContainerRecord some_record() {
  runtime::ContainerRecord record;
  record.oci_version = "1.2.0";
  record.id = "web";
  record.bundle = "/bundle";
  record.rootfs = "/bundle/rootfs";
  record.owner = "root";
  record.created_ns = 1'700'000'000'000'000'001;
  record.annotations = {{"a", "b"}, {"", "\xc3\xa4"}};
  record.cgroup.path = "/web";
  record.cgroup.v2_mount_point = "/v2";
  record.cgroup.v2_directory = "/v2/web";
  record.cgroup.v1.push_back({{"cpu", "cpuacct"}, "/v1/cpu", "/v1/cpu/web"});
  record.undo = {{"cgroup", "/v2/web"}, {"file", "/x"}};
  record.waits_at_gate = true;
  record.has_poststop = true;
  return record;
}

// A process that waits at the gate as an init does, and then ends as `end` says.
pid_t fork_waiter(int gate_fd, const std::function<void(int)>& end) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const Fd handshake(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (runtime::wait_at_gate(gate_fd, handshake.get())) end(handshake.get());
  ::_exit(0);
}

}  // namespace

TEST_CASE("ids are names as runc's are") {
  for (const char* good : {"a", "A-1_b.c+d,e", "...", "0123456789abcdef", "-", "_"})
    CHECK(runtime::check_id(good));
  for (const char* bad : {"", ".", "..", "a/b", "/a", "a b", "a:b", "a\n", "\xc3\xa4", "a@b", "%"})
    CHECK_FALSE(runtime::check_id(bad));
  CHECK(runtime::check_id(std::string(255, 'x')));
  CHECK_FALSE(runtime::check_id(std::string(256, 'x')));
}

TEST_CASE("records are read as they were written, and newer ones are refused") {
  const auto record = some_record();
  const Json document = runtime::write_container_record(record);
  const auto again = runtime::read_container_record(document);
  REQUIRE(again);
  CHECK(runtime::write_container_record(*again) == document);
  CHECK(again->undo == record.undo);
  CHECK(again->cgroup.v1[0].controllers == record.cgroup.v1[0].controllers);
  CHECK(again->created_ns == record.created_ns);
  for (const auto& [key, value] : document.items()) {
    Json broken = document;
    broken[key] = Json::array({Json(1)});
    INFO(key);
    CHECK_FALSE(runtime::read_container_record(broken));
  }
  Json newer = document;
  newer["schema"] = 3;
  CHECK_FALSE(runtime::read_container_record(newer));
  for (const char* path : {"/", "//", "/../web", "/web/..", "web", "/web/", "/a\nb"}) {
    Json elsewhere = document;
    elsewhere["cgroup"]["path"] = path;
    INFO(path);
    CHECK_FALSE(runtime::read_container_record(elsewhere));
  }
}

TEST_CASE("a record says in one entry that the cgroup is to be removed everywhere") {
  auto record = some_record();
  record.undo = {{"scope", "web.scope"}, {"cgroup", "/v2/web"}, {"cgroup", "/v1/cpu/web"}, {"file", "/x"}};
  const Json document = runtime::write_container_record(record);
  CHECK(document["undo"].size() == 3);
  CHECK(runtime::read_container_record(document)->undo == record.undo);
}

TEST_CASE("a record that is no file is not waited for") {
  const TemporaryDirectory root;
  const auto directory = runtime::StateDirectory::make(root.path(), "web");
  REQUIRE(directory);
  REQUIRE(::mkfifo(directory->file("container.json").c_str(), 0600) == 0);
  const auto record = directory->read_container();
  REQUIRE(record);
  CHECK_FALSE(*record);
}

TEST_CASE("a state directory belongs to one maker, and is gone when it is removed") {
  const TemporaryDirectory root;
  const std::string deep = root.path() + "/not/yet";
  CHECK(runtime::container_ids(deep).value().empty());
  CHECK(runtime::StateDirectory::open(deep, "web").error().text() == "container does not exist");
  const auto made = runtime::StateDirectory::make(deep, "web");
  REQUIRE(made);
  const auto second = runtime::StateDirectory::make(deep, "web");
  REQUIRE_FALSE(second);
  CHECK(second.error().text() == "container with given ID already exists");
  const auto other = runtime::StateDirectory::open(deep, "web");
  REQUIRE(other);
  CHECK(other->is_locked_by_another());
  CHECK(other->lock(20).error().kind() == ErrorKind::kConflict);
  CHECK(runtime::current_state(*other, std::nullopt)->status == runtime::Status::kCreating);
  made->unlock();
  CHECK_FALSE(other->is_locked_by_another());
  CHECK(runtime::current_state(*other, std::nullopt)->status == runtime::Status::kStopped);
  CHECK(runtime::container_ids(deep).value() == std::vector<std::string>{"web"});
  REQUIRE(create_file(made->file("unknown"), "x"));
  REQUIRE(made->write_container(some_record()));
  CHECK(made->remove());
  CHECK_FALSE(path_exists(deep + "/web"));
  CHECK(other->lock(20).error().kind() == ErrorKind::kNotFound);
}

TEST_CASE(
    "a process is known by its pidfd's inode where there is one, and by its start time where that was "
    "noted") {
  const ProcessIdentity self = identify(::getpid()).value();
  CHECK((self.inode != 0) != (self.start_ticks != 0));
  CHECK(open_process(self));
  ProcessIdentity reused = self;  // the pid, but of another process
  ++(self.inode != 0 ? reused.inode : reused.start_ticks);
  const auto other = open_process(reused);
  REQUIRE_FALSE(other);
  CHECK(other.error().kind() == ErrorKind::kNotFound);
  CHECK_FALSE(open_process({.pid = ::getpid()}));
  // A caller that may open nothing more is no proof of a death.
  rlimit now = {};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &now) == 0);
  const rlimit none = {0, now.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto unknown = open_process(self);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &now) == 0);
  CHECK_FALSE(unknown);
  CHECK(unknown.error().error_number() == EMFILE);
  // What a kernel without pidfs leaves; this program's name has neither blank nor bracket.
  const auto fields = split(read_file("/proc/self/stat").value(), ' ');
  const uint64_t ticks = parse_uint(fields.at(21)).value();
  CHECK(open_process({.pid = ::getpid(), .start_ticks = ticks}));
  CHECK_FALSE(open_process({.pid = ::getpid(), .start_ticks = ticks + 1}));
}

TEST_CASE("the status is the kernel's word, not the file's") {
  const TemporaryDirectory root;
  const auto directory = runtime::StateDirectory::make(root.path(), "web");
  REQUIRE(directory);
  directory->unlock();
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/sleep", "sleep", "100", nullptr);
    ::_exit(1);
  }
  REQUIRE(directory->write_init(identify(child).value()));
  const auto status = [&] { return runtime::current_state(*directory, std::nullopt)->status; };
  for (int i = 0; i < 1000 && status() != runtime::Status::kRunning; ++i)
    ::poll(nullptr, 0, 1);  // until execve it is still this program
  CHECK(status() == runtime::Status::kRunning);
  {
    const Fd gate = runtime::make_gate(directory->fd()).value();
    REQUIRE(runtime::open_gate(directory->fd()));
    // However often it is asked, and though nobody answers.
    for (int i = 0; i < 5; ++i)
      CHECK(status() == runtime::Status::kCreated);
  }
  // Its starter was killed before it took the name away.
  REQUIRE(runtime::gate_at(directory->fd()) == runtime::Gate::kOpen);
  CHECK(status() == runtime::Status::kRunning);
  ::kill(child, SIGKILL);
  siginfo_t info = {};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  CHECK(status() == runtime::Status::kStopped);  // a zombie runs nothing
  ::waitpid(child, nullptr, 0);
  CHECK(status() == runtime::Status::kStopped);
}

TEST_CASE("the gate lets one starter pass, and tells what became of the init") {
  const TemporaryDirectory root;
  const Fd directory = sys::open(root.path().c_str(), O_RDONLY | O_DIRECTORY).value();
  const auto pass = [&](const std::function<void(int)>& end) {
    Fd gate = runtime::make_gate(directory.get()).value();
    CHECK(runtime::gate_at(directory.get()) == runtime::Gate::kClosed);
    CHECK_FALSE(runtime::pass_gate(directory.get()).value());  // not ready
    REQUIRE(runtime::open_gate(directory.get()));
    CHECK(runtime::gate_at(directory.get()) == runtime::Gate::kOpen);
    const pid_t init = fork_waiter(gate.get(), end);
    gate.reset();
    auto passed = runtime::pass_gate(directory.get());
    ::waitpid(init, nullptr, 0);
    CHECK(runtime::gate_at(directory.get()) == runtime::Gate::kNone);
    CHECK_FALSE(runtime::pass_gate(directory.get()).value());
    return passed;
  };
  const auto ran = pass([](int) { ::execl("/bin/true", "true", nullptr); });
  REQUIRE(ran);
  CHECK(*ran);
  const auto failed =
      pass([](int fd) { (void)runtime::send_failure(fd, 3, not_found("exec: \"x\": gone")); });
  REQUIRE_FALSE(failed);
  CHECK(failed.error().text() == "exec: \"x\": gone");
  CHECK(failed.error().kind() == ErrorKind::kNotFound);
}

TEST_CASE("a starter that comes second is told so, one that comes after a killed one passes") {
  const TemporaryDirectory root;
  const Fd directory = sys::open(root.path().c_str(), O_RDONLY | O_DIRECTORY).value();
  Fd gate = runtime::make_gate(directory.get()).value();
  REQUIRE(runtime::open_gate(directory.get()));
  const auto start = [&](const char* place) {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    gate.reset();
    ::setenv("VIAL_KILL_AT", place, 1);
    const auto passed = runtime::pass_gate(directory.get());
    ::_exit(!passed ? 2 : *passed ? 0 : 1);
  };
  const auto end_of = [](pid_t pid) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  };
  CHECK(end_of(start("gate.come")) == 128 + SIGKILL);
  const pid_t first = start("");
  const pid_t second = start("");
  const pid_t init = fork_waiter(gate.get(), [](int) { ::execl("/bin/true", "true", nullptr); });
  gate.reset();
  const int ends[] = {end_of(first), end_of(second)};
  CHECK(std::min(ends[0], ends[1]) == 0);
  CHECK(std::max(ends[0], ends[1]) == 1);
  CHECK(end_of(init) == 0);
}

TEST_CASE("nobody passes a gate whose init is dead") {
  const TemporaryDirectory root;
  const Fd directory = sys::open(root.path().c_str(), O_RDONLY | O_DIRECTORY).value();
  Fd gate = runtime::make_gate(directory.get()).value();
  REQUIRE(runtime::open_gate(directory.get()));
  gate.reset();
  CHECK_FALSE(runtime::pass_gate(directory.get()).value());
}
