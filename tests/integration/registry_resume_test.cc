// Pulls that are broken off: ^C, kill -9, a connection that ends. And the process that speaks HTTP, looked at
// while it waits.
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGINT and the POSIX part
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "tests/integration/registry_fixture.h"

namespace {

constexpr int kSeconds = 15;

// The process below `parent` with that name; 0 when there is none.
pid_t find_child(pid_t parent, const std::string& name) {
  const std::string path = "/proc/" + std::to_string(parent);
  const std::string children = read_file(path + "/task/" + std::to_string(parent) + "/children").value_or("");
  for (const auto& word : split(children, ' ')) {
    const auto pid = parse_int(word);
    if (!pid) continue;
    const auto found = static_cast<pid_t>(*pid);
    if (trim(read_file("/proc/" + word + "/comm").value_or("")) == name) return found;
    if (const pid_t below = find_child(found, name)) return below;
  }
  return 0;
}

uint64_t partial_bytes(const std::string& root) {
  uint64_t most = 0;
  for (const auto& name : list_directory(root + "/ingest").value_or({}))
    most = std::max<uint64_t>(most, read_file(root + "/ingest/" + name).value_or("").size());
  return most;
}

std::string status_field(pid_t pid, const std::string& field) {
  const std::string text = read_file("/proc/" + std::to_string(pid) + "/status").value_or("");
  const size_t at = text.find("\n" + field + ":");
  if (at == std::string::npos) return "";
  const size_t start = at + field.size() + 2;
  return std::string(trim(text.substr(start, text.find('\n', start) - start)));
}

std::string namespace_of(const std::string& pid, const char* name) {
  return sys::readlinkat(-1, ("/proc/" + pid + "/ns/" + name).c_str()).value_or("");
}

// What the killed pull had started has been adopted by the test, and ends on its own.
bool only_the_server_lives() {
  return within(2, [] {
    const std::string living = living_children();
    return std::count(living.begin(), living.end(), '\n') == 1 && contains(living, "server.py");
  });
}

}  // namespace

TEST_CASE("a killed pull leaves no half image, and the next one goes on where it was") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  test.set({{"downloads", 2}});
  for (const int signal : {SIGKILL, SIGINT}) {
    INFO("signal " << signal);
    const size_t requests = registry.requests().size();
    RunningProgram pull(test.command_line({"pull", registry.host() + "/a/stall"}), test.directory());
    // The manifest, the configuration and the layer that stalls; the other one may be on disk already.
    REQUIRE(within(kSeconds, [&] {
      return registry.requests().size() >= requests + 3 && partial_bytes(test.root()) > 1'000'000;
    }));
    const int64_t start = monotonic_ms();
    pull.signal(signal);
    CHECK(pull.wait().code == 128 + signal);
    CHECK(monotonic_ms() - start < kSeconds * 1000);  // the layer stalls for longer
    CHECK(only_the_server_lives());
    CHECK(test.done({"images", "-q"}).empty());
  }
  const uint64_t before = partial_bytes(test.root());
  // The same layer, in a repository whose server understands Range.
  test.done({"pull", "-q", registry.host() + "/a/ok"});
  bool resumed = false;
  for (const auto& request : registry.requests()) {
    if (!request["headers"].contains("Range")) continue;
    resumed = resumed || request["headers"]["Range"] == "bytes=" + std::to_string(before) + "-";
  }
  CHECK(resumed);
  CHECK(list_directory(test.root() + "/staging").value_or({}).empty());
  CHECK(read_file(test.root() + "/layers/" + list_directory(test.root() + "/layers").value().front() +
                  "/layer.json"));
}

TEST_CASE("two pulls of one image beside each other") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  const std::string name = registry.host() + "/a/ok";
  {
    RunningProgram first(test.command_line({"pull", name}), test.directory());
    RunningProgram second(test.command_line({"pull", name}), test.directory());
    const Outcome one = first.wait();
    const Outcome two = second.wait();
    INFO(one.err << two.err);
    CHECK(one.code == 0);
    CHECK(two.code == 0);
  }
  CHECK(test.done({"images", "--format", "{{.Repository}}"}) == name + "\n");
  CHECK(list_directory(test.root() + "/staging").value_or({}).empty());
  CHECK(list_directory(test.root() + "/ingest").value_or({}).empty());
  const auto layers = list_directory(test.root() + "/layers").value_or({});
  CHECK(layers.size() == 2);
  for (const auto& layer : layers)
    CHECK(list_directory(test.root() + "/layers/" + layer).value() ==
          std::vector<std::string>{"fs", "layer.json"});
}

TEST_CASE("what lies on disk is not believed") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  RunningProgram pull(test.command_line({"pull", registry.host() + "/a/stall"}), test.directory());
  REQUIRE(within(kSeconds, [&] { return partial_bytes(test.root()) > 1'000'000; }));
  pull.signal(SIGKILL);
  (void)pull.wait();
  const auto partial = list_directory(test.root() + "/ingest").value_or({});
  for (const auto& name : partial) {
    const std::string path = test.root() + "/ingest/" + name;
    std::string bytes = read_file(path).value();
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    REQUIRE(replace_file(path, bytes));
  }
  test.done({"pull", "-q", registry.host() + "/a/ok"});
}

TEST_CASE("the process that speaks HTTP is nobody, sees nothing and may little") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  RunningProgram pull(test.command_line({"pull", registry.host() + "/a/stall"}), test.directory());
  REQUIRE(within(kSeconds, [&] { return partial_bytes(test.root()) > 1'000'000; }));
  const pid_t http = find_child(::getpid(), "vial:http");
  REQUIRE(http > 0);
  CHECK(status_field(http, "Uid") == "65534\t65534\t65534\t65534");
  CHECK(status_field(http, "Gid") == "65534\t65534\t65534\t65534");
  CHECK(status_field(http, "Groups").empty());
  CHECK(status_field(http, "CapEff") == "0000000000000000");
  CHECK(status_field(http, "CapPrm") == "0000000000000000");
  CHECK(status_field(http, "CapBnd") == "0000000000000000");
  CHECK(status_field(http, "NoNewPrivs") == "1");
  CHECK(status_field(http, "Seccomp") == "2");
  const std::string path = "/proc/" + std::to_string(http);
  for (const char* name : {"mnt", "pid", "ipc", "uts", "cgroup"}) {
    INFO(name);
    CHECK(namespace_of(std::to_string(http), name) != namespace_of("self", name));
  }
  CHECK(namespace_of(std::to_string(http), "net") == namespace_of("self", "net"));
  CHECK(list_directory(path + "/root").value() == std::vector<std::string>{"etc"});
  CHECK(list_directory(path + "/root/etc").value() ==
        std::vector<std::string>{"hosts", "nsswitch.conf", "resolv.conf"});
  const std::string mounts = read_file(path + "/mountinfo").value_or("");
  CHECK(std::count(mounts.begin(), mounts.end(), '\n') == 1);
  CHECK(contains(mounts, " / / ro,"));
  // Pipes, sockets and what polls them; not one file.
  const auto descriptors = list_directory(path + "/fd").value_or({});
  CHECK(descriptors.size() > 3);
  for (const auto& fd : descriptors) {
    const std::string target = sys::readlinkat(-1, (path + "/fd/" + fd).c_str()).value_or("");
    INFO(fd << " " << target);
    const bool standard = fd == "0" || fd == "1" || fd == "2";
    CHECK((standard || target.starts_with("pipe:") || target.starts_with("socket:") ||
           target.starts_with("anon_inode:")));
  }
  pull.signal(SIGKILL);
  (void)pull.wait();
  CHECK(only_the_server_lives());
}
