// What vial pushes runs under Docker and Podman by its digest, and what they push under vial: the real
// programs, one registry (tests/registry/peers).
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "tests/integration/registry_fixture.h"

TEST_CASE("docker and podman run what vial pushed, and vial what they pushed, by digest") {
  const RegistryTest test;
  ::unsetenv("VIAL_REGISTRIES");  // NOLINT(concurrency-mt-unsafe): one thread
  test.load_as("busybox", "busybox");
  REQUIRE(make_directories(test.directory() + "/docker"));
  REQUIRE(create_file(test.credentials_file(), "{}"));  // podman wants the file that it is told of
  const std::string directory = test.directory() + "/peers";
  REQUIRE(make_directories(directory + "/bin"));
  REQUIRE(create_file(directory + "/bin/vial",
                      "#!/bin/sh\nexec " + shell_words(test.command_line({})) + " \"$@\"\n", 0755));
  const std::string group = "vial-peers-" + std::to_string(::getpid());
  const std::string source = __FILE__;
  const std::string script = source.substr(0, source.rfind("/integration/")) + "/registry/peers";
  const std::string start =
      "cd \"$0\" && PATH=\"$0/bin:$PATH\" exec unshare --net --mount --pid --fork --mount-proc "
      "--kill-child bash \"$1\" \"$2\"";
  const auto output = run_command({"sh", "-c", start, directory, script, group});
  // The callers leave their parent group.
  (void)run_command({"find", "/sys/fs/cgroup", "-depth", "-type", "d", "-path", "*/" + group + "*", "-exec",
                     "rmdir", "{}", "+"});
  REQUIRE(output);
  INFO(output->out << output->err);
  REQUIRE(output->status.shell_code() == 0);
  CHECK(contains(output->out, "docker runs localhost:5000/from/vial@sha256:"));
  CHECK(contains(output->out, "podman runs localhost:5000/from/vial@sha256:"));
  CHECK(contains(output->out, "by docker\n"));
  CHECK(contains(output->out, "by podman\n"));
}
