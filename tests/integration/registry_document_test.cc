// docs/registry.md does what it says: its commands, as printed, in a network namespace of their own.
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/file.h"
#include "base/strings.h"
#include "tests/integration/registry_fixture.h"

namespace {

std::string document() {
  const std::string source = __FILE__;
  const auto text = read_file(source.substr(0, source.rfind("/tests/")) + "/docs/registry.md");
  REQUIRE(text);
  return *text;
}

// The ```sh blocks, one script.
std::string commands_of(const std::string& text) {
  std::string script = "set -eux\n";
  const std::string open = "\n```sh\n";
  for (size_t at = text.find(open); at != std::string::npos; at = text.find(open, at)) {
    at += open.size();
    const size_t end = text.find("```", at);
    script += text.substr(at, end - at);
    // What is started in the background takes a moment.
    if (text.substr(at, end - at).ends_with("&\n"))
      script +=
          "for i in $(seq 100); do vial search localhost:5000/ > /dev/null 2>&1 && break; sleep 0.1; done\n";
    at = end;
  }
  return script + "kill %1\nwait\n";
}

void have_own_network() {
  ::unshare(CLONE_NEWNET);
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP;
  ::ioctl(socket, SIOCSIFFLAGS, &request);  // NOLINT: variadic
}

}  // namespace

TEST_CASE("the commands of docs/registry.md work as printed") {
  const RegistryTest test;
  ::unsetenv("VIAL_REGISTRIES");  // NOLINT(concurrency-mt-unsafe): one thread
  test.load_as("busybox", "busybox");
  const std::string directory = test.directory() + "/doc";
  REQUIRE(make_directories(directory + "/bin"));
  REQUIRE(make_directories(directory + "/empty"));
  REQUIRE(create_file(directory + "/bin/vial",
                      "#!/bin/sh\nexec " + shell_words(test.command_line({})) + " \"$@\"\n", 0755));
  REQUIRE(create_file(directory + "/script", commands_of(document())));
  const std::string out = directory + "/out";
  const pid_t pid = ::fork();
  if (pid == 0) {
    have_own_network();
    const std::string path = directory + "/bin:" + std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
    ::setenv("PATH", path.c_str(), 1);                                   // NOLINT(concurrency-mt-unsafe)
    const int file = ::open(out.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ::dup2(file, 1);
    ::dup2(file, 2);
    const bool there = ::chdir((directory + "/empty").c_str()) == 0;
    if (there)
      ::execl("/bin/bash", "bash", "-m", (directory + "/script").c_str(), nullptr);  // NOLINT: variadic
    ::_exit(127);
  }
  REQUIRE(pid > 0);
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  const std::string said = read_file(out).value_or("");
  INFO(said);
  CHECK(status == 0);
  CHECK(contains(said, "The push refers to repository [localhost:5000/team/box]"));
  CHECK(contains(said, "1: digest: sha256:"));
  CHECK(contains(said, "localhost:5000/team/box"));
  CHECK(contains(said, "\nit came from the registry\n"));
  CHECK(contains(said, "Unable to find image 'localhost:5000/team/box:1' locally"));
}
