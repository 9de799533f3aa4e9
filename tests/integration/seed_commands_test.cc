// The commands of the note that this project began with, as they are written there.
#include <catch2/catch.hpp>

#include "base/strings.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

namespace {

std::string only_line(const std::string& text) {
  CHECK(text.find('\n') == text.size() - 1);
  return std::string(trim(text));
}

}  // namespace

TEST_CASE("a shell without a terminal ends at once, and the container stays in the list") {
  const Vial vial;
  const auto started = vial.run({"container", "run", "--name", "c", "busybox"});
  CHECK(started.code == 0);
  CHECK(started.out.empty());
  CHECK(started.err.empty());
  const auto running = vial.run({"container", "ls"});
  CHECK(running.out == "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n");
  const auto all = split(vial.run({"container", "ls", "-a"}).out, '\n');
  REQUIRE(all.size() == 3);
  CHECK_THAT(all[0], Catch::StartsWith("CONTAINER ID   IMAGE     COMMAND   CREATED"));
  CHECK_THAT(all[1], Contains("busybox   \"sh\"") && Contains("Exited (0)") && Catch::EndsWith("c"));
  CHECK(vial.run({"container", "rm", "c"}).out == "c\n");
}

TEST_CASE("a shell on a terminal, by image and tag, and stop") {
  const Vial vial;
  TerminalProgram shell(vial.command_line({"container", "run", "-it", "--name", "shell", "busybox:latest"}),
                        24, 80);
  CHECK(shell.shows("/ # "));
  shell.type("echo $((20 + 3))\r");
  CHECK(shell.shows("\n23\r\n"));
  CHECK_THAT(vial.run({"container", "ls"}).out, Contains("busybox:latest") && Contains("Up "));
  const auto stopped = vial.run({"container", "stop", "-t", "1", "shell"});
  CHECK(stopped.code == 0);
  CHECK(stopped.out == "shell\n");
  CHECK(shell.wait() == 137);  // an interactive shell does not end by SIGTERM
  CHECK(shell.is_cooked());
  CHECK_THAT(vial.run({"container", "ls", "-a"}).out, Contains("Exited (137)"));
  CHECK(vial.run({"container", "rm", "shell"}).code == 0);
}

TEST_CASE("a name in use is told with the id of who has it") {
  const Vial vial;
  const std::string id = only_line(vial.run({"container", "create", "--name", "taken", "busybox"}).out);
  CHECK(id.size() == 64);
  const auto again = vial.run({"container", "run", "--name", "taken", "busybox"});
  CHECK(again.code == 125);
  CHECK(again.out.empty());
  CHECK(again.err ==
        "vial: Conflict. The container name \"/taken\" is already in use by container \"" + id +
            "\". You have to remove (or rename) that container to be able to reuse that name.\n\n"
            "Run 'vial container run --help' for more information\n");
  CHECK(vial.run({"ps", "-aq"}).out == id.substr(0, 12) + "\n");
  CHECK(vial.run({"rm", "taken"}).code == 0);
}

TEST_CASE("stop that was typed behind run is understood") {
  const Vial vial;
  const auto mistyped = vial.run({"container", "run", "stop", "web"});
  CHECK(mistyped.code == 125);
  CHECK_THAT(mistyped.err, Contains("did you mean \"vial container stop web\"?"));
  CHECK(vial.run({"ps", "-aq"}).out.empty());
}

TEST_CASE("image and system commands in both forms") {
  const Vial vial;
  CHECK(vial.run({"images"}).out == vial.run({"image", "ls"}).out);
  CHECK_THAT(vial.run({"images"}).out, Catch::StartsWith("REPOSITORY   TAG       IMAGE ID") &&
                                           Contains("busybox      latest") &&
                                           Contains("hello        latest"));
  const auto info = vial.run({"info"});
  CHECK(info.code == 0);
  CHECK_THAT(info.out,
             Contains("Containers: 0") && Contains("Images: 2") && Contains("Storage Driver: overlay"));
  CHECK_THAT(info.out, Contains("Cgroup Version: ") && Contains("Root Dir: " + vial.data_root()));
  CHECK(vial.run({"system", "info"}).out == info.out);
  const auto version = vial.run({"version"});
  CHECK_THAT(version.out, Contains("Client:") && Contains("Server:") && Contains("Version:"));
  CHECK(vial.run({"version", "--format", "{{.Client.Version}}"}).out ==
        vial.run({"version", "-f", "{{.Server.Version}}"}).out);
}
