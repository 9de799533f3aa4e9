// Names and ids: what may be a name, how a container is found, who wins when several want the same one.
#include <catch2/catch.hpp>
#include <memory>
#include <set>

#include "base/strings.h"
#include "tests/integration/running_program.h"

using Catch::Contains;

namespace {

std::string create(const Vial& vial, const std::string& name) {
  const auto created = vial.run({"create", "--name", name, "busybox", "true"});
  INFO(created.err);
  REQUIRE(created.code == 0);
  return std::string(trim(created.out));
}

}  // namespace

TEST_CASE("names follow Docker's rules") {
  const Vial vial;
  for (const char* bad : {"-", "-ab", ".ab", "_ab", "a b", "a/b", "\xc3\xa4h", "../x", "a\nb"}) {
    const auto refused = vial.run({"create", "--name", bad, "busybox"});
    INFO(bad);
    CHECK(refused.code == 125);
    CHECK_THAT(refused.err, Contains("Invalid container name (") &&
                                Contains("only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"));
  }
  for (const char* good : {"c", "ab", "A.b-c_9", "0x"}) {
    (void)create(vial, good);
    CHECK(vial.run({"inspect", "-f", "{{.Name}}", good}).out == "/" + std::string(good) + "\n");
    CHECK(vial.run({"rm", good}).out == std::string(good) + "\n");
  }
}

TEST_CASE("a container without a name gets one of two words") {
  const Vial vial;
  const auto created = vial.run({"create", "busybox"});
  const auto name = std::string(trim(vial.run({"ps", "-a", "--format", "{{.Names}}"}).out));
  CHECK(split(name, '_').size() == 2);
  CHECK(vial.run({"rm", name}).code == 0);
}

TEST_CASE("a container is found by id, by name and by a beginning of its id that is its alone") {
  const Vial vial;
  const std::string id = create(vial, "first");
  for (const auto& ref : {id, id.substr(0, 12), std::string("first"), std::string("/first")})
    CHECK(vial.run({"inspect", "-f", "{{.Id}}", ref}).out == id + "\n");
  const auto missing = vial.run({"stop", "nosuch"});
  CHECK(missing.code == 1);
  CHECK_THAT(missing.err, Contains("No such container: nosuch"));
  // 17 ids: two of them begin with the same digit.
  std::multiset<char> beginnings = {id[0]};
  for (int i = 0; i < 16; ++i)
    beginnings.insert(create(vial, "more" + std::to_string(i))[0]);
  for (const char digit : std::set<char>(beginnings.begin(), beginnings.end())) {
    const auto found = vial.run({"inspect", "--type", "container", "-f", "{{.Id}}", std::string(1, digit)});
    INFO(found.err);
    CHECK((found.code == 0) == (beginnings.count(digit) == 1));
    if (beginnings.count(digit) > 1)
      CHECK_THAT(found.err, Contains("Multiple IDs found with provided prefix"));
  }
  Words remove = {"rm"};
  for (const auto& listed : split(trim(vial.run({"ps", "-aq"}).out), '\n'))
    remove.push_back(listed);
  CHECK(vial.run(remove).code == 0);
}

TEST_CASE("of sixteen that want a name at once one gets it") {
  const Vial vial;
  std::vector<std::unique_ptr<RunningProgram>> wanting;
  for (int i = 0; i < 16; ++i) {
    const auto line = vial.command_line({"create", "--name", "wanted", "busybox", "true"});
    wanting.push_back(std::make_unique<RunningProgram>(line, vial.directory()));
  }
  std::vector<std::string> winners;
  for (const auto& program : wanting) {
    const auto outcome = program->wait();
    if (outcome.code == 0) {
      winners.emplace_back(trim(outcome.out));
    } else {
      CHECK(outcome.code == 125);
      CHECK_THAT(outcome.err, Contains("The container name \"/wanted\" is already in use"));
    }
  }
  REQUIRE(winners.size() == 1);
  CHECK(vial.run({"ps", "-aq", "--no-trunc"}).out == winners[0] + "\n");
  CHECK(vial.run({"rm", "wanted"}).code == 0);
}

TEST_CASE("containers of one name that come and go at once do not disturb each other") {
  const Vial vial;
  const int rounds = in_vm() ? 2 : 5;
  for (int i = 0; i < rounds; ++i) {
    std::vector<std::unique_ptr<RunningProgram>> all;
    for (int j = 0; j < 4; ++j) {
      all.push_back(std::make_unique<RunningProgram>(
          vial.command_line({"run", "--rm", "--name", "shared", "busybox", "echo", "ran"}),
          vial.directory()));
      all.push_back(
          std::make_unique<RunningProgram>(vial.command_line({"rm", "-f", "shared"}), vial.directory()));
    }
    for (const auto& program : all) {
      const auto outcome = program->wait();
      INFO(outcome.code << " " << outcome.out << outcome.err);
      // It ran, was killed by rm -f, did not get the name, or had nothing to remove: never a half of
      // something.
      CHECK((outcome.code == 0 || outcome.code == 137 || outcome.code == 125));
      if (outcome.code == 125) CHECK_THAT(outcome.err, Contains("is already in use") || Contains("removed"));
    }
    (void)vial.run({"rm", "-f", "shared"});
    CHECK(vial.run({"ps", "-aq"}).out.empty());
  }
}
