#include "engine/store.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "engine/names.h"
#include "engine/operations.h"
#include "tests/unit/temporary_directory.h"

using engine::ContainerRecord;
using engine::Status;
using engine::Store;

namespace {

struct TestStore {
  TemporaryDirectory directory;
  Store store{directory.path() + "/root", directory.path() + "/run"};
  TestStore() { REQUIRE(store.prepare()); }

  ContainerRecord add(const std::string& id, const std::string& name) {
    ContainerRecord record;
    record.id = id;
    record.name = name;
    REQUIRE(make_directories(store.container_directory(id)));
    REQUIRE(store.make_run_directory(id));
    REQUIRE(store.reserve_name(name, id));
    REQUIRE(store.save_record(record));
    return record;
  }
};

std::string id_of(char digit) {
  return std::string(64, digit);
}

}  // namespace

TEST_CASE("names follow docker's rule") {
  CHECK(engine::check_name("ab"));
  CHECK(engine::check_name("A9_.-x"));
  CHECK(engine::check_name("c"));
  CHECK_FALSE(engine::check_name(""));
  CHECK_FALSE(engine::check_name("_ab"));
  CHECK_FALSE(engine::check_name("a/b"));
  CHECK(engine::check_name("_a").error().text() ==
        "Invalid container name (_a), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
}

TEST_CASE("random names are names, ids are ids") {
  for (unsigned attempt = 0; attempt < 50; ++attempt)
    CHECK(engine::check_name(engine::random_name(attempt)));
  const std::string id = engine::new_id();
  CHECK(engine::is_full_id(id));
  CHECK(id != engine::new_id());
}

TEST_CASE("a container that goes while it is to be locked is one that is not there") {
  TestStore test;
  const std::string id = id_of('a');
  // What a remover at the same moment does between two calls: the directory was there, and is not any more.
  REQUIRE(::symlink("gone", test.store.run_directory(id).c_str()) == 0);
  const auto locked = test.store.lock(id);
  REQUIRE_FALSE(locked);
  CHECK(locked.error().kind() == ErrorKind::kNotFound);
  CHECK(locked.error().text() == "No such container: aaaaaaaaaaaa (it was removed meanwhile)");
}

TEST_CASE("look-up: full id, then name, then unique prefix") {
  TestStore test;
  test.add(id_of('a'), "web");
  const std::string near = std::string(63, 'a') + "b";
  test.add(near, "aaaa");
  CHECK(test.store.resolve(id_of('a')).value() == id_of('a'));
  CHECK(test.store.resolve("web").value() == id_of('a'));
  CHECK(test.store.resolve("/web").value() == id_of('a'));
  CHECK(test.store.resolve("aaaa").value() == near);  // the name wins over the prefix
  CHECK(test.store.resolve("aaa").error().text() == "Multiple IDs found with provided prefix: aaa");
  CHECK(test.store.resolve(near.substr(0, 64)).value() == near);
  CHECK(test.store.resolve("nosuch").error().text() == "No such container: nosuch");
  CHECK(test.store.resolve("").error().kind() == ErrorKind::kNotFound);
  CHECK(test.store.resolve("../names").error().kind() == ErrorKind::kNotFound);
}

TEST_CASE("a name has one holder, and is free after discard") {
  TestStore test;
  test.add(id_of('a'), "web");
  const auto taken = test.store.reserve_name("web", id_of('b'));
  REQUIRE_FALSE(taken);
  CHECK(taken.error().kind() == ErrorKind::kConflict);
  CHECK(taken.error().text() ==
        "Conflict. The container name \"/web\" is already in use by container \"" + id_of('a') +
            "\". You have to remove (or rename) that container to be able to reuse that name.");
  REQUIRE(test.store.discard(id_of('a')));
  CHECK_FALSE(test.store.resolve("web"));
  CHECK(test.store.reserve_name("web", id_of('b')));
  CHECK(test.store.trash_ids().value() == std::vector<std::string>{id_of('a')});
  REQUIRE(test.store.discard(id_of('a')));
  REQUIRE(test.store.empty_trash(id_of('a')));
  CHECK(test.store.trash_ids().value().empty());
}

TEST_CASE("a name whose container is gone is taken over") {
  TestStore test;
  REQUIRE(test.store.reserve_name("web", id_of('a')));
  CHECK(test.store.reserve_name("web", id_of('b')));
  REQUIRE(make_directories(test.store.container_directory(id_of('b'))));
  CHECK_FALSE(test.store.reserve_name("web", id_of('c')));
}

TEST_CASE("of many who want one name, one gets it") {
  TestStore test;
  constexpr int kRivals = 16;
  for (int i = 0; i < kRivals; ++i) {
    if (::fork() == 0) {
      const std::string id = engine::new_id();
      const bool made = make_directories(test.store.container_directory(id)).has_value();
      ::_exit(made && test.store.reserve_name("web", id) ? 0 : 1);
    }
  }
  int winners = 0;
  for (int i = 0; i < kRivals; ++i) {
    int status = 0;
    REQUIRE(::wait(&status) > 0);
    winners += WEXITSTATUS(status) == 0 ? 1 : 0;
  }
  CHECK(winners == 1);
}

TEST_CASE("a damaged container does not hide the others") {
  TestStore test;
  test.add(id_of('a'), "web");
  test.add(id_of('b'), "db");
  REQUIRE(replace_file(test.store.container_directory(id_of('b')) + "/record.json", "{broken"));
  const auto listing = test.store.list();
  REQUIRE(listing);
  REQUIRE(listing->containers.size() == 1);
  CHECK(listing->containers[0].record.name == "web");
  REQUIRE(listing->damaged.size() == 1);
  CHECK(listing->damaged[0].id == id_of('b'));
  CHECK(test.store.resolve("bbb").value() == id_of('b'));
  CHECK(test.store.load(id_of('b')).error().kind() == ErrorKind::kCorrupt);
}

TEST_CASE("records of an unknown schema are refused, and so are unknown members") {
  ContainerRecord record;
  record.id = id_of('a');
  Json document = engine::write_record(record);
  CHECK(engine::read_record(document));
  document["schema"] = 2;
  CHECK(engine::read_record(document).error().kind() == ErrorKind::kUnsupported);
  document["schema"] = 1;
  document["request"]["surprise"] = 1;
  const auto refused = engine::read_record(document);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text() == "/request/surprise: unknown member");
}

TEST_CASE("a record survives its file") {
  ContainerRecord record;
  record.id = id_of('a');
  record.name = "web";
  record.created_ns = 42;
  record.args = {"sh", "-c", ""};
  record.image.layer_directories = {"x", "y"};
  record.mounts = {
      {.type = "bind", .source = "/s", .destination = "/d", .read_only = true, .options = {"a"}}};
  record.request.entrypoint = "";
  record.request.labels = {{"a", "b"}};
  record.request.limits.memory_bytes = 0;
  record.request.limits.memory_swap_bytes = -1;
  record.request.stop_timeout_s = 3;
  const Json document = engine::write_record(record);
  const auto again = engine::read_record(document);
  REQUIRE(again);
  CHECK(engine::write_record(*again) == document);
  CHECK(again->request.entrypoint == std::optional<std::string>(""));
  CHECK(again->request.limits.memory_bytes == std::optional<int64_t>(0));
  CHECK_FALSE(again->request.limits.nano_cpus);
  CHECK(again->mounts[0].read_only);
}

TEST_CASE("the status is derived, never believed") {
  const std::string boot = boot_id().value();
  engine::RunState state;
  state.boot_id = boot;
  state.init = identify(::getpid()).value();
  state.monitor = state.init;
  CHECK(engine::derive_state({}, {}, boot).status == Status::kCreated);
  const auto running = engine::derive_state(state, {}, boot);
  CHECK(running.status == Status::kRunning);
  CHECK(running.monitored);
  CHECK(running.pid == ::getpid());

  engine::RunState reused = state;
  ++reused.init.start_ticks;  // the pid belongs to another process now
  ++reused.init.inode;
  CHECK(engine::derive_state(reused, {}, boot).status == Status::kRunning);  // its monitor will tell
  ++reused.monitor.start_ticks;
  ++reused.monitor.inode;
  const auto lost = engine::derive_state(reused, {}, boot);
  CHECK(lost.status == Status::kExited);
  REQUIRE(lost.last_exit);
  CHECK(lost.last_exit->code == 255);
  CHECK(lost.last_exit->error == "monitor lost");

  state.boot_id = "another boot";
  CHECK(engine::derive_state(state, {}, boot).last_exit->error == "reboot");

  engine::ExitRecord exit;
  exit.code = 3;
  exit.finished_ns = 1;
  CHECK(engine::derive_state({}, exit, boot).status == Status::kExited);
}

TEST_CASE("a state file is a state of the runtime spec and survives") {
  engine::RunState state;
  state.init = {42, 43};
  state.monitor = {44, 45};
  state.boot_id = "b";
  state.cgroup = "/vial/x";
  state.started_ns = 7;
  const Json document = parse_json(dump_json(engine::write_state(id_of('a'), state))).value();
  CHECK(document["ociVersion"] == "1.3.0");
  CHECK(document["id"] == id_of('a'));
  CHECK(document["pid"] == 42);
  const auto again = engine::read_state(document);
  REQUIRE(again);
  CHECK(engine::write_state(id_of('a'), *again) == document);
  CHECK_FALSE(engine::read_state(Json{{"schema", 9}}));
  CHECK_FALSE(engine::read_state(Json::array()));
}

TEST_CASE("an end that nobody saw is told by who looks next, but not while its owner lives") {
  TestStore test;
  const std::string id = id_of('a');
  test.add(id, "web");
  engine::ExitRecord promised;
  promised.code = 255;
  promised.error = "went down";
  promised.started_ns = 5;
  const std::string path = test.store.container_directory(id) + "/exit.json";
  REQUIRE(replace_file(path, dump_json(engine::write_exit(promised))));
  {
    const auto owner = test.store.own(id, false);
    REQUIRE(owner);
    CHECK(test.store.find("web")->state.status == Status::kCreated);  // it is just being started
  }
  const auto lost = test.store.find("web");
  REQUIRE(lost);
  CHECK(lost->state.status == Status::kExited);
  CHECK(lost->state.last_exit->code == 255);
  CHECK(lost->state.last_exit->finished_ns > 0);
  CHECK(test.store.find("web")->state.last_exit->finished_ns == lost->state.last_exit->finished_ns);
}

TEST_CASE("recover throws away what was killed while it was made, and lets the living alone") {
  TestStore test;
  REQUIRE(make_directories(test.store.container_directory(id_of('a')) + "/upper"));
  REQUIRE(test.store.make_run_directory(id_of('a')));
  REQUIRE(test.store.reserve_name("half", id_of('a')));
  REQUIRE(make_directories(test.store.container_directory(id_of('b'))));
  REQUIRE(test.store.make_run_directory(id_of('b')));
  const auto owner = test.store.own(id_of('b'), false);
  REQUIRE(owner);
  REQUIRE(
      make_directories(test.store.container_directory(id_of('c'))));  // its run directory went with a boot
  test.add(id_of('d'), "kept");
  REQUIRE(make_directories(test.store.trash_directory(id_of('e')) + "/upper"));
  REQUIRE(engine::recover(test.store));
  CHECK(test.store.container_ids().value() == std::vector<std::string>{id_of('b'), id_of('d')});
  CHECK(test.store.run_ids().value() == std::vector<std::string>{id_of('b'), id_of('d')});
  CHECK(test.store.trash_ids()->empty());
  CHECK(test.store.reserve_name("half", id_of('d')));
}

TEST_CASE("an --rm container is gone after a boot") {
  TestStore test;
  auto record = test.add(id_of('a'), "web");
  record.request.remove = true;
  REQUIRE(test.store.save_record(record));
  REQUIRE(remove_tree(test.store.run_directory(id_of('a'))));
  REQUIRE(engine::recover(test.store));
  CHECK(test.store.container_ids()->empty());
  CHECK_FALSE(test.store.resolve("web"));
}

TEST_CASE("the owner's lock tells life from death") {
  TestStore test;
  test.add(id_of('a'), "web");
  {
    const auto owner = test.store.own(id_of('a'), false);
    REQUIRE(owner);
    CHECK(test.store.own(id_of('a'), false).error().kind() == ErrorKind::kConflict);
  }
  CHECK(test.store.own(id_of('a'), false));
}
