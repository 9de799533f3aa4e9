// Registries that lie, stall, redirect and flood: a clear error, in bounded time, and nothing of it is
// published. What is wrong with each repository is said in tests/registry/server.py.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/registry_fixture.h"

namespace {

struct Case {
  const char* mode;
  const char* says;
};

constexpr Case kRefused[] = {
    {"bad-range", "another part than it was asked for"},
    {"wrong-bytes", "the registry sent something else: it should be sha256:"},
    {"wrong-config", "the registry sent something else: it should be sha256:"},
    {"longer", "sends more than the"},
    {"length", "bytes, the manifest says"},
    {"size", "bytes, the manifest says 10"},
    {"negative", "/layers/0/size: not a non-negative integer"},
    {"short", "bytes remaining"},
    {"endless", "larger than 4194304 bytes"},
    {"endless-config", "its answer is larger than"},
    {"giant", "larger than 4194304 bytes"},
    {"headers", "headers are larger than"},
    {"loop", "redirects more than 10 times"},
    {"file", "no http or https address"},
    {"busy", "come back later"},
    {"busy-long", "slow down"},
    {"confused", "is both a manifest and an index"},
    {"twice", "duplicate key"},
    {"nested", "nested too deeply"},
    {"type", "is not an image index's"},
    {"inner-type", "that says it is a"},
    {"kind", "a layer of an unknown kind: 'application/x-other'"},
    {"artifact", "it is not a container image"},
    {"header", "header Docker-Content-Digest"},
    {"md5", "invalid digest 'md5:"},
    {"moved", "the registry sent something else"},
    {"described", "the index says"},
    {"layers", "the manifest has 2 layers, the configuration 1"},
    {"diff", "unpacked it should be sha256:"},
    {"schema1", "schema 1 manifests are not supported"},
    {"garbage", "not a readable tar"},
};

size_t count_requests(const BadRegistry& registry, const std::string& part) {
  size_t count = 0;
  for (const auto& request : registry.requests())
    if (contains(request["path"].get<std::string>(), part)) ++count;
  return count;
}

// The memory of the largest process of a command, all its children counted.
int64_t peak_kilobytes(const Words& line) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::vector<char*> argv;
    for (const auto& word : line)
      argv.push_back(const_cast<char*>(word.c_str()));  // NOLINT: execve(2) reads only
    argv.push_back(nullptr);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(null, 1);
    ::dup2(null, 2);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  REQUIRE(pid > 0);
  struct rusage usage = {};
  int status = 0;
  REQUIRE(::wait4(pid, &status, 0, &usage) == pid);
  return is_sanitized() ? 0 : usage.ru_maxrss;  // shadow memory is not the program's
}

}  // namespace

TEST_CASE("what a hostile registry sends is refused, and nothing of it stays") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  for (const auto& [mode, says] : kRefused) {
    // The big layer is the same everywhere: what one pull left must not help the next.
    REQUIRE(remove_tree(test.root() + "/ingest"));
    const std::string error = test.refused({"pull", "-q", registry.host() + "/x/" + mode});
    INFO(mode << ": " << error);
    CHECK(contains(error, says));
    CHECK(error.size() < 1000);
  }
  CHECK(contains(test.refused({"pull", "-a", registry.host() + "/x/pages"}), "list of tags: too long"));
  test.check_empty();
  // A file that lies about its digest is not kept for the next try; md5 was not even asked for.
  CHECK(count_requests(registry, "passwd") == 0);
}

TEST_CASE("servers that stall or drip are given up") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  test.set({{"timeouts", {{"stall", "1s"}, {"retry", "50ms"}}}});
  const int64_t start = monotonic_ms();
  // Who notices first, the download or the HTTP library that it runs, is the machine's to say.
  for (const char* mode : {"stall", "drip"}) {
    const std::string error = test.refused({"pull", "-q", registry.host() + "/x/" + mode});
    INFO(mode << ": " << error);
    CHECK((contains(error, "stopped after") || contains(error, "bytes/sec")));
  }
  CHECK(contains(test.refused({"pull", "-q", registry.host() + "/x/stall-manifest"}),
                 "registry " + registry.host()));
  CHECK(monotonic_ms() - start < 60'000);  // one stall of the time that is not set here
  test.check_empty();
}

TEST_CASE("servers that are only unwell are put up with") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  for (const char* mode : {"busy-once", "failing-once", "short-once", "no-range"}) {
    INFO(mode);
    test.done({"pull", "-q", registry.host() + "/x/" + mode});
    test.done({"rmi", "-f", registry.host() + "/x/" + mode});
  }
}

TEST_CASE("credentials stay behind when a registry redirects elsewhere") {
  const RegistryTest test;
  const BadRegistry other(test.directory());
  const BadRegistry registry(test.directory(), {"--other", "http://" + other.host()});
  test.done({"login", "-u", "me", "-p", "secret", registry.host()});
  test.done({"pull", "-q", registry.host() + "/basic/cross"});
  bool was_asked = false;
  for (const auto& request : other.requests()) {
    was_asked = true;
    INFO(request.dump());
    CHECK_FALSE(request["headers"].contains("Authorization"));
  }
  CHECK(was_asked);
}

TEST_CASE("from https to plain http no redirect leads") {
  const RegistryTest test;
  const TestCertificates certificates = make_certificates(test.directory());
  const BadRegistry other(test.directory());
  const BadRegistry registry(test.directory(), {"--other", "http://" + other.host(), "--tls",
                                                certificates.certificate, certificates.key});
  const std::string trusted = test.directory() + "/certs/" + registry.host();
  REQUIRE(make_directories(trusted));
  REQUIRE(create_file(trusted + "/ca.crt", read_file(certificates.authority).value()));
  CHECK(contains(test.refused({"pull", "-q", registry.host() + "/x/down"}), "from https to plain http"));
  CHECK(other.requests().empty());
  test.check_empty();
  test.done({"pull", "-q", registry.host() + "/x/ok"});
}

TEST_CASE("of an index the platform is chosen, attestations are passed over") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  const std::string name = registry.host() + "/x/many";
  const std::string format = "{{.Architecture}}";
  test.done({"pull", "-q", name});
  CHECK(test.done({"image", "inspect", "--format", format, name}) == "amd64\n");
  test.done({"pull", "-q", "--platform", "linux/arm64", name});
  CHECK(test.done({"image", "inspect", "--format", format, name}) == "arm64\n");
  CHECK(contains(test.refused({"pull", "-q", "--platform", "linux/riscv64", name}),
                 "no image for platform linux/riscv64, only for: linux/arm64, linux/amd64"));
  // What is here is for another platform than is asked for: said by all that only look, pulled by what runs.
  const std::string other = "image with reference " + name;
  const std::string why =
      " was found but does not match the specified platform: wanted linux/amd64, actual: linux/arm64";
  const std::vector<Words> commands = {{"image", "inspect"},
                                       {"history"},
                                       {"push"},
                                       {"save", "-o", "/dev/null"},
                                       {"create", "--pull", "never"}};
  for (Words command : commands) {
    INFO(command.front());
    command.insert(command.end(), {"--platform", "linux/amd64", name});
    const std::string refused = test.refused(command);
    CHECK(contains(refused, other));
    CHECK(contains(refused, why));
    if (command.front() != "create") {
      command[command.size() - 2] = "arm64";
      CHECK(contains(test.refused(command), "invalid platform 'arm64'"));
    }
  }
  CHECK(contains(test.done({"history", "--platform", "linux/arm64", name}), "IMAGE"));
  const Outcome created = test.run({"create", "--platform", "linux/amd64", name});
  CHECK(created.code == 0);
  CHECK(contains(created.err,
                 "Unable to find image '" + name + ":latest' locally\nlatest: Pulling from x/many\n"));
  CHECK(test.done({"image", "inspect", "--format", format, name}) == "amd64\n");
  test.done({"rm", std::string(trim(created.out))});
  const std::string shown = test.done({"manifest", "inspect", name});
  CHECK(contains(shown, "\"unknown\""));
  // In the registry's order, which is not the alphabet's.
  CHECK(shown.starts_with("{\n    \"schemaVersion\": 2,\n    \"mediaType\": "));
  const std::string verbose = test.done({"manifest", "inspect", "-v", registry.host() + "/x/ok"});
  CHECK(verbose.starts_with("{\n    \"Ref\": "));
  CHECK(contains(verbose, "\"OCIManifest\": {\n        \"schemaVersion\": 2,\n"));
  CHECK(Json::parse(verbose)["OCIManifest"]["layers"].size() == 2);
}

TEST_CASE("a pull's memory does not grow with what a registry sends") {
  const RegistryTest test;
  const BadRegistry registry(test.directory());
  for (const char* mode : {"endless", "giant", "nested", "headers", "ok"}) {
    INFO(mode);
    CHECK(peak_kilobytes(test.command_line({"pull", "-q", registry.host() + "/x/" + mode})) < 40L * 1024);
  }
}
