// ps, inspect, images, rmi: what there is, and what is told of it.
#include <catch2/catch.hpp>
#include <csignal>

#include "base/json.h"
#include "base/strings.h"
#include "tests/integration/running_program.h"

using Catch::Contains;
using Catch::StartsWith;

namespace {

Json parsed(const std::string& text) {
  auto document = parse_json(text);
  INFO(text);
  REQUIRE(document);
  return *document;
}

}  // namespace

TEST_CASE("ps shows what runs, filters and formats") {
  const Vial vial;
  REQUIRE(vial.run({"run", "-d", "--name", "runs", "-l", "tier=web", "busybox", "sleep", "1000"}).code == 0);
  REQUIRE(vial.run({"run", "--name", "ended", "busybox", "sh", "-c", "exit 3"}).code == 3);
  REQUIRE(vial.run({"create", "--name", "made", "busybox", "echo", "a long command that is cut"}).code == 0);
  const auto names = [&](Words words) {
    words.insert(words.begin(), "ps");
    words.insert(words.end(), {"--format", "{{.Names}}"});
    const auto listed = vial.run(words);
    INFO(listed.err);
    CHECK(listed.code == 0);
    return join(split(trim(listed.out), '\n'), " ");
  };
  CHECK(names({}) == "runs");
  CHECK(names({"-a"}) == "made ended runs");
  CHECK(names({"-l"}) == "made");
  CHECK(names({"-n", "2"}) == "made ended");
  CHECK(names({"-f", "status=exited"}) == "ended");
  CHECK(names({"-f", "status=created", "-f", "status=running"}) == "made runs");
  CHECK(names({"-a", "-f", "exited=3"}) == "ended");
  CHECK(names({"-a", "-f", "name=en"}) == "ended");
  CHECK(names({"-a", "-f", "label=tier=web"}) == "runs");
  CHECK(names({"-a", "-f", "ancestor=busybox"}) == "made ended runs");
  CHECK(names({"-a", "-f", "since=runs"}) == "made ended");
  const auto bad = vial.run({"ps", "-f", "status=zzz"});
  CHECK(bad.code == 1);
  CHECK_THAT(bad.err, Contains("status=zzz"));
  const auto table = split(vial.run({"ps", "-a"}).out, '\n');
  REQUIRE(table.size() == 5);
  CHECK(join(split(table[0], ' '), "").find("CONTAINERIDIMAGECOMMANDCREATEDSTATUSPORTSNAMES") == 0);
  CHECK_THAT(table[1], Contains("\"echo 'a long comm") || Contains("\"echo a long comman"));
  CHECK_THAT(table[1], Contains("   Created "));
  CHECK_THAT(table[2], Contains("Exited (3) "));
  CHECK_THAT(table[3], Contains("Up "));
  CHECK_THAT(vial.run({"ps", "-a", "--no-trunc"}).out, Contains("that is cut\""));
  const auto ids = split(trim(vial.run({"ps", "-aq", "--no-trunc"}).out), '\n');
  REQUIRE(ids.size() == 3);
  CHECK(ids[0].size() == 64);
  const Json row = parsed(vial.run({"ps", "--format", "json"}).out);
  CHECK(row["Names"] == "runs");
  CHECK(row["State"] == "running");
  CHECK(row["Labels"] == "tier=web");
  CHECK(vial.run({"rm", "-f", "runs", "ended", "made"}).code == 0);
}

TEST_CASE("inspect tells Docker's fields") {
  const Vial vial;
  REQUIRE(
      vial.run({"run", "-d", "--name", "seen", "-e", "A=b", "-m", "64m", "busybox", "sleep", "1000"}).code ==
      0);
  REQUIRE(vial.run({"create", "--name", "made", "--device-write-bps", "/dev/nix:1mb", "busybox"}).code == 0);
  const Json rates = parsed(vial.run({"inspect", "made"}).out)[0]["HostConfig"];
  CHECK(rates["BlkioDeviceWriteBps"] == Json::array({{{"Path", "/dev/nix"}, {"Rate", 1048576}}}));
  CHECK(rates["BlkioDeviceReadIOps"].is_null());
  CHECK(vial.run({"rm", "made"}).code == 0);
  const Json all = parsed(vial.run({"inspect", "seen"}).out);
  REQUIRE(all.size() == 1);
  const Json& container = all[0];
  CHECK(container["Name"] == "/seen");
  CHECK(container["Path"] == "sleep");
  CHECK(container["Args"] == Json::array({"1000"}));
  CHECK(container["State"]["Status"] == "running");
  CHECK(container["State"]["Running"] == true);
  CHECK(container["State"]["OOMKilled"] == false);
  CHECK(container["State"]["FinishedAt"] == "0001-01-01T00:00:00Z");
  CHECK(container["Config"]["Image"] == "busybox");
  CHECK(container["Config"]["Env"][0] == "A=b");
  CHECK(container["HostConfig"]["Memory"] == 64 << 20);
  CHECK(container["HostConfig"]["PidsLimit"] == 4096);
  CHECK_THAT(container["Image"].get<std::string>(), StartsWith("sha256:"));
  const pid_t pid = container["State"]["Pid"].get<pid_t>();
  CHECK_THAT(vial.run({"exec", "seen", "cat", "/proc/1/cmdline"}).out, StartsWith("sleep"));
  CHECK(::kill(pid, 0) == 0);
  CHECK(vial.run({"kill", "seen"}).code == 0);
  const Json after = parsed(vial.run({"container", "inspect", "seen"}).out)[0]["State"];
  CHECK(after["Status"] == "exited");
  CHECK(after["ExitCode"] == 137);
  CHECK(after["Pid"] == 0);
  const auto missing = vial.run({"inspect", "nosuch"});
  CHECK(missing.code == 1);
  CHECK(missing.out == "[]\n");
  CHECK_THAT(missing.err, Contains("No such object: nosuch"));
  CHECK(vial.run({"rm", "seen"}).code == 0);
}

TEST_CASE("image inspect and the list of images agree") {
  const Vial vial;
  const Json image = parsed(vial.run({"image", "inspect", "busybox"}).out)[0];
  CHECK(image["RepoTags"] == Json::array({"busybox:latest"}));
  CHECK(image["Os"] == "linux");
  CHECK(image["Config"]["Cmd"] == Json::array({"sh"}));
  CHECK(vial.run({"images", "-q", "--no-trunc", "busybox"}).out == image["Id"].get<std::string>() + "\n");
  const auto missing = vial.run({"image", "inspect", "nosuch"});
  CHECK(missing.code == 1);
  CHECK(missing.out == "[]\n");
  const auto mistaken = vial.run({"images", "ls"});
  CHECK_THAT(mistaken.err, Contains("did you mean \"vial image ls\"?"));
}

TEST_CASE("rmi takes an image that nobody uses") {
  const Vial vial;
  const auto removed = vial.run({"rmi", "hello"});
  CHECK(removed.code == 0);
  const auto lines = split(trim(removed.out), '\n');
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "Untagged: hello:latest");
  CHECK_THAT(lines[1], StartsWith("Deleted: sha256:"));
  CHECK_THAT(lines[2], StartsWith("Deleted: sha256:"));
  CHECK_THAT(vial.run({"rmi", "hello"}).err, Contains("No such image: hello:latest"));
  CHECK(vial.run({"run", "--rm", "hello"}).code == 125);
  CHECK(vial.run({"load", "-i", sample_archive("hello")}).out == "Loaded image: hello:latest\n");
  CHECK(vial.run({"run", "--rm", "hello"}).code == 0);
}

TEST_CASE("rmi refuses an image that a container uses") {
  const Vial vial;
  REQUIRE(vial.run({"create", "--name", "user", "busybox"}).code == 0);
  const auto refused = vial.run({"rmi", "busybox"});
  CHECK(refused.code == 1);
  CHECK_THAT(refused.err,
             Contains("conflict: unable to remove repository reference \"busybox\" (must force)") &&
                 Contains("is using its referenced image"));
  CHECK_THAT(vial.run({"images"}).out, Contains("busybox"));
  const auto mixed = vial.run({"rmi", "nosuch", "busybox"});
  CHECK(mixed.code == 1);
  CHECK(vial.run({"start", "-a", "user"}).code == 0);
  CHECK(vial.run({"rm", "user"}).code == 0);
}
