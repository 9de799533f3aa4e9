// What the caller had open or set does not reach the container.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>

#include "base/strings.h"
#include "tests/integration/vial_fixture.h"

namespace {

// Descriptors of many kinds from 3 up, none of them close-on-exec: files, directories, sockets, a memfd, a
// pipe.
void leak_descriptors() {
  for (int i = 0; i < 10; ++i) {
    (void)::open("/etc/passwd", O_RDONLY);      // NOLINT(android-cloexec-open): the point of it
    (void)::open("/", O_RDONLY | O_DIRECTORY);  // NOLINT(android-cloexec-open)
    (void)::socket(AF_UNIX, SOCK_STREAM, 0);    // NOLINT(android-cloexec-socket)
    (void)::memfd_create("leak", 0);            // NOLINT(android-cloexec-memfd-create)
  }
  (void)::dup2(::open("/", O_RDONLY | O_DIRECTORY), 200);  // NOLINT(android-cloexec-open)
  ::setenv("LISTEN_FDS", "3", 1);
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
}

Words probe_words(const Words& options, const Words& arguments) {
  Words words = {"run", "--rm", "-v", probe_program() + ":/probe:ro"};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"busybox", "/probe"});
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

}  // namespace

TEST_CASE("no descriptor of the caller reaches a container") {
  const Vial vial;
  for (const Words& options : {Words{}, Words{"--privileged", "--pid", "host"}, Words{"--init"}}) {
    const Outcome outcome = vial.run_after(leak_descriptors, probe_words(options, {}));
    INFO(outcome.err);
    REQUIRE(outcome.code == 0);
    const auto report = parse_json(outcome.out);
    REQUIRE(report);
    CHECK((*report)["descriptors"].empty());
    for (const auto& entry : (*report)["environment"])
      CHECK(!entry.get<std::string>().starts_with("LISTEN_"));
    for (const auto& stream : (*report)["stdio"])
      CHECK(stream["open"] == true);
  }
}

TEST_CASE("a caller's descriptors do not reach pid 1 of a container by /proc either") {
  const Vial vial;
  const Outcome outcome =
      vial.run_after(leak_descriptors, probe_words({"--init"}, {"try", "descriptors", "proc-exe"}));
  CHECK(outcome.code == 0);
  CHECK(!contains(outcome.out, "\"ok\""));
  const Outcome listed =
      vial.run_after(leak_descriptors, {"run", "--rm", "--init", "busybox", "ls", "/proc/1/fd"});
  CHECK(listed.out == "0\n1\n2\n");
}

TEST_CASE("a caller without stdin, stdout and stderr gets a container with something there") {
  const Vial vial;
  const std::string result = vial.directory() + "/result";
  const Outcome outcome = vial.run_after(
      [] { ::close(0); },
      {"run", "--rm", "busybox", "sh", "-c", "ls -l /proc/self/fd/0 > /dev/null && echo fine"});
  INFO(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(outcome.out == "fine\n");
}

TEST_CASE("a caller's signal mask, ignored signals, umask and niceness do not reach a container") {
  const Vial vial;
  const Outcome outcome = vial.run_after(
      [] {
        sigset_t all;
        ::sigfillset(&all);
        ::sigdelset(&all, SIGCHLD);
        ::sigprocmask(SIG_SETMASK, &all, nullptr);
        ::signal(SIGPIPE, SIG_IGN);
        ::signal(SIGUSR1, SIG_IGN);
        ::umask(077);
      },
      {"run", "--rm", "busybox", "sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status; umask"});
  INFO(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(outcome.out == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n0022\n");
}

// With CAP_SYS_PTRACE a container may look into every process that it can see.
TEST_CASE("who is in a container sees nothing of the host in what exec brings in") {
  const Vial vial;
  REQUIRE(vial.run({"run", "-d", "--name", "watcher", "--cap-add", "SYS_PTRACE", "-v",
                    probe_program() + ":/probe:ro", "busybox", "/probe", "try", "watch:8"})
              .code == 0);
  // Some are gone before they were looked at. When it has seen enough the container ends, and takes no more.
  constexpr int kMostTries = 100;
  for (int i = 0; i < kMostTries; ++i)
    if (vial.run_after(leak_descriptors, {"exec", "watcher", "true"}).code != 0) break;
  CHECK(vial.run({"wait", "watcher"}).out == "0\n");
  CHECK(vial.run({"logs", "watcher"}).out == "{\"watch:8\":\"saw 8\"}\n");
  CHECK(vial.run({"rm", "watcher"}).code == 0);
}

TEST_CASE("who is in a container sees nothing of the host in what is started in its pid namespace") {
  const Vial vial;
  const std::string attack = "watch:12:" + vial.directory();
  REQUIRE(vial.run({"run", "-d", "--name", "watcher", "--cap-add", "SYS_PTRACE", "-v",
                    probe_program() + ":/probe:ro", "busybox", "/probe", "try", attack})
              .code == 0);
  constexpr int kMostTries = 40;
  for (int i = 0; i < kMostTries; ++i) {
    if (vial.run_after(leak_descriptors, {"run", "--rm", "--pid", "container:watcher", "busybox", "true"})
            .code != 0)
      break;
  }
  CHECK(vial.run({"wait", "watcher"}).out == "0\n");
  CHECK(vial.run({"logs", "watcher"}).out == "{\"" + attack + "\":\"saw 12\"}\n");
  CHECK(vial.run({"rm", "watcher"}).code == 0);
}

TEST_CASE("no descriptor of the caller reaches what exec runs") {
  const Vial vial;
  REQUIRE(vial.run({"run", "-d", "--name", "box", "-v", probe_program() + ":/probe:ro", "busybox", "sleep",
                    "1000"})
              .code == 0);
  const Outcome outcome = vial.run_after(leak_descriptors, {"exec", "box", "/probe"});
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  const auto report = parse_json(outcome.out);
  REQUIRE(report);
  CHECK((*report)["descriptors"].empty());
  for (const char* format : {"/proc/self/fd/", "/proc/1/fd/", "/dev/fd/"}) {
    for (int fd = 3; fd < 10; ++fd) {
      const std::string directory = format + std::to_string(fd);
      const Outcome tried = vial.run_after(
          leak_descriptors, {"exec", "-w", directory, "box", "/probe", "try", "cwd", "descriptors"});
      INFO(directory << ": " << tried.out << tried.err);
      CHECK(!contains(tried.out, "\"ok\""));
      CHECK((tried.code != 0 || contains(tried.out, "\"inside\"")));
    }
  }
  CHECK(vial.run({"rm", "-f", "box"}).code == 0);
}

TEST_CASE("the terminal of the caller is not the container's") {
  const Vial vial;
  const Outcome outcome = vial.run_on_terminal(probe_words({}, {}));
  CHECK(outcome.code == 0);
  const auto report = parse_json(std::string(trim(outcome.out)));
  REQUIRE(report);
  CHECK((*report)["controlling_tty"] != "ok");
  for (const auto& stream : (*report)["stdio"])
    CHECK(stream["tty"] == false);
}
