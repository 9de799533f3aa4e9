// The systemd driver: names, what is asked over D-Bus (judged by the real dbus-daemon and by a systemd of our
// own making), and what is said without systemd.
#include "cgroups/systemd_scope.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>

#include "base/file.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/syscalls.h"
#include "cgroups/bus.h"
#include "tests/unit/cgroups/fake_systemd.h"
#include "tests/unit/temporary_directory.h"

namespace {

// Closed when nobody listens there.
Fd connect_to(const std::string& path) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) fd.reset();
  return fd;
}

// A host whose bus is the fake one's.
cgroups::SystemdHost host_in(const TemporaryDirectory& directory) {
  return {"/tmp", directory.file("bus"), directory.file("own")};
}

cgroups::Resources limited() {
  cgroups::Resources resources;
  resources.memory.limit_bytes = 64 << 20;
  resources.memory.swap_bytes = 96 << 20;
  resources.cpu.shares = 1024;
  resources.cpu.quota_us = 12'345;
  resources.cpu.period_us = 50'000;
  resources.cpu.cpus = "0,9-10";
  resources.pids_limit = -1;
  return resources;
}

cgroups::ScopeRequest request_of(const std::string& cgroups_path, const std::string& id,
                                 const cgroups::Resources& resources = {}, bool on_v2 = true) {
  return {*cgroups::systemd_unit(cgroups_path, id), id, resources, {}, on_v2, "/nowhere"};
}

std::string number(uint64_t value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// True when the property stands in the message with that value: its name, its type, padding, its value.
bool has_property(const std::string& bytes, const std::string& name, uint64_t value) {
  const size_t start = bytes.find(name + std::string("\0\1t\0", 4));
  return start != std::string::npos &&
         bytes.substr(start + name.size() + 4, 16).find(number(value)) != std::string::npos;
}

}  // namespace

// spec: config-linux.md#cgroupsPath.systemd
TEST_CASE("slice:prefix:name is a scope in the slices that the slice's name says") {
  const auto unit = cgroups::systemd_unit("a-b.slice:docker:0123", "id");
  REQUIRE(unit);
  CHECK(unit->slice == "a-b.slice");
  CHECK(unit->name == "docker-0123.scope");
  CHECK(unit->path == "/a.slice/a-b.slice/docker-0123.scope");
  CHECK(cgroups::systemd_unit("", "id")->path == "/system.slice/vial-id.scope");
  CHECK(cgroups::systemd_unit("::name", "id")->path == "/system.slice/name.scope");
  CHECK(cgroups::systemd_unit("-.slice:p:n", "id")->path == "/p-n.scope");
  for (const char* wrong : {"/path", "a:b", "a.slice:b:", "noslice:p:n", "a--b.slice:p:n", "../x.slice:p:n",
                            "a.slice:p:n/../../x", "a.slice:p:n.slice", "a.slice:p:x y", "a:b:c:d"}) {
    INFO(wrong);
    const auto refused = cgroups::systemd_unit(wrong, "id");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == ErrorKind::kInvalid);
    CHECK(refused.error().text().starts_with("systemd cgroup driver: "));
  }
}

TEST_CASE("without systemd the driver says so") {
  const TemporaryDirectory directory;
  StepContext context;
  const auto step = cgroups::start_scope_step(
      request_of("", "id"), {directory.file("nothing"), directory.file("bus"), directory.file("own")});
  const auto result = step->perform(context);
  REQUIRE_FALSE(result);
  CHECK(result.error().kind() == ErrorKind::kUnsupported);
  CHECK(result.error().text() == "systemd cgroup driver: no systemd on this host (" +
                                     directory.file("nothing") + " is missing); use the cgroupfs driver");
}

TEST_CASE("a scope is started with a process that holds it, with the limits as properties") {
  const TemporaryDirectory directory;
  const bool on_v2 = GENERATE(true, false);
  const FakeSystemd systemd(directory.path(), "done");
  StepContext context;
  auto request = request_of("a-b.slice:docker:0123", "0123", limited(), on_v2);
  request.resources.block_io.weight = 500;
  request.resources.devices = {{false, 'a', {}, {}, ""}, {true, 'c', 1, 3, "rw"}};
  request.properties = {{"KillSignal", int32_t{37}}, {"TimeoutStopUSec", uint64_t{5'000'000}}};
  const auto step = cgroups::start_scope_step(std::move(request), host_in(directory));
  const auto result = step->perform(context);
  if (!result) FAIL(result.error().text());
  CHECK(contains(read_file(directory.file("call1")).value(), "Hello"));
  CHECK(contains(read_file(directory.file("call2")).value(), "member='JobRemoved'"));
  CHECK(contains(read_file(directory.file("call3")).value(), "Subscribe"));
  const std::string call = read_file(directory.file("call4")).value();
  for (const char* text : {"docker-0123.scope", "a-b.slice", "Delegate", "CollectMode", "inactive-or-failed",
                           "ssa(sv)a(sa(sv))"})
    CHECK(contains(call, text));
  CHECK(has_property(call, "TasksMax", UINT64_MAX));
  CHECK(has_property(call, "CPUQuotaPerSecUSec", 250'000));  // 24.69 %, in whole percents
  CHECK(has_property(call, "CPUQuotaPeriodUSec", 50'000));
  CHECK(has_property(call, on_v2 ? "MemoryMax" : "MemoryLimit", 64 << 20));
  CHECK(has_property(call, "MemorySwapMax", 32 << 20) == on_v2);
  CHECK(has_property(call, "TimeoutStopUSec", 5'000'000));
  CHECK(contains(call, std::string("KillSignal\0\1i\0", 13)));
  CHECK(contains(call, std::string("AllowedCPUs\0\2ay\0", 15)) == on_v2);
  CHECK(contains(call, std::string("\2\0\0\0\1\6", 6)) == on_v2);  // two bytes: 0, 9 and 10
  CHECK(has_property(call, on_v2 ? "CPUWeight" : "CPUShares", on_v2 ? 100 : 1024));
  CHECK(contains(call, std::string("DeviceAllow\0\5a(ss)\0", 19)) != on_v2);
  CHECK(contains(call, "/dev/char/1:3") != on_v2);
  // When the scope is there: which file it has says the weight.
  const std::string late = read_file(directory.file("call5")).value();
  CHECK(contains(late, "SetUnitProperties"));
  CHECK(has_property(late, on_v2 ? "IOWeight" : "BlockIOWeight", on_v2 ? 4950 : 500));
  // The holder lives as long as the context holds it.
  const size_t pids = call.find(std::string("PIDs\0\2au\0", 9));
  REQUIRE(pids != std::string::npos);
  uint32_t holder = 0;
  const size_t length = (pids + 9 + 3) / 4 * 4;
  std::memcpy(&holder, call.data() + length + 4, sizeof holder);
  const auto identity = identify(static_cast<pid_t>(holder));
  REQUIRE(identity);
  const auto pidfd = open_process(*identity);
  REQUIRE(pidfd);
  CHECK_FALSE(wait_until_dead(pidfd->get(), 50));
  context.kept.clear();
  CHECK(wait_until_dead(pidfd->get(), 5000));
}

TEST_CASE("where no bus runs systemd is asked at its own socket, without greetings") {
  const TemporaryDirectory directory;
  const FakeSystemd systemd(directory.path(), "done");
  StepContext context;
  const cgroups::SystemdHost host = {"/tmp", directory.file("nothing"), directory.file("bus")};
  const auto result = cgroups::start_scope_step(request_of("", "id"), host)->perform(context);
  if (!result) FAIL(result.error().text());
  CHECK(contains(read_file(directory.file("call1")).value(), "StartTransientUnit"));
}

TEST_CASE("an update tells systemd what it has properties for, the end is waited for") {
  const TemporaryDirectory directory;
  const FakeSystemd systemd(directory.path(), "done");
  const cgroups::SystemdHost host = {"/tmp", directory.file("nothing"), directory.file("bus")};
  SECTION("update") {
    REQUIRE(cgroups::update_scope({"x.scope", limited(), true, "/nowhere"}, host));
    const std::string call = read_file(directory.file("call1")).value();
    CHECK(contains(call, "SetUnitProperties"));
    CHECK(has_property(call, "MemoryMax", 64 << 20));
  }
  SECTION("nothing to tell") {
    cgroups::Resources resources;
    resources.cpu.burst_us = 1;
    REQUIRE(cgroups::update_scope({"x.scope", resources, true, "/nowhere"}, host));
    CHECK_FALSE(path_exists(directory.file("call1")));
  }
  SECTION("stop") {
    REQUIRE(cgroups::stop_scope("x.scope", host));
    CHECK(contains(read_file(directory.file("call1")).value(), "StopUnit"));
  }
  SECTION("no systemd to tell") {
    CHECK(cgroups::stop_scope("x.scope", {directory.file("nothing"), "", ""}));
    CHECK(cgroups::stop_scope("x.scope", {"/tmp", directory.file("nothing"), directory.file("nothing")}));
    CHECK_FALSE(cgroups::update_scope({"x.scope", limited(), true, "/nowhere"},
                                      {"/tmp", directory.file("nothing"), directory.file("nothing")}));
  }
}

TEST_CASE("annotations are properties of the scope, in GVariant's text") {
  const auto value = [](const std::string& text) {
    return cgroups::unit_properties({{"org.systemd.property.SomeName", text}, {"org.example", "["}});
  };
  const auto is = [&](const std::string& text, const cgroups::BusValue& wanted) {
    const auto properties = value(text);
    INFO(text);
    REQUIRE(properties);
    REQUIRE(properties->size() == 1);
    CHECK(properties->front().name == "SomeName");
    CHECK(properties->front().value == wanted);
  };
  is("true", true);
  is("37", int32_t{37});
  is("-1", int32_t{-1});
  is("uint32 5", uint32_t{5});
  is("uint64 18446744073709551615", UINT64_MAX);
  is("'inactive-or-failed'", std::string("inactive-or-failed"));
  is("\"a \\\" b\"", std::string("a \" b"));
  is("['a', 'b,c']", std::vector<std::string>{"a", "b,c"});
  is("[]", std::vector<std::string>{});
  for (const char* wrong : {"", "word", "2147483648", "-2147483649", "uint32 -1", "uint64 x", "int9 5", "'a",
                            "'a'b", "'a\\", "['a' 'b']", "['a',]", "[a]", "['a", "uint64", "5 5"}) {
    INFO(wrong);
    const auto refused = value(wrong);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text().starts_with("annotation org.systemd.property.SomeName: "));
  }
  for (const char* name : {"", "a", "lower", "Two Words", "X1"})
    CHECK_FALSE(cgroups::unit_properties({{std::string("org.systemd.property.") + name, "true"}}));
}

TEST_CASE("limits are properties, of v2 and of v1, and so are unified's files [pure]") {
  using Numbers = cgroups::BusNumbers;
  const auto value = [](const std::vector<cgroups::UnitProperty>& all, const std::string& name) {
    cgroups::BusValue found = false;
    for (const auto& property : all) {
      if (property.name == name) found = property.value;
    }
    return found;
  };
  cgroups::Resources resources;
  resources.cpu.quota_us = -1;
  resources.pids_limit = 0;
  resources.block_io.weight = 500;
  cgroups::BlockIoDevice disk = {8, 16, 300, {}, 1 << 20};
  resources.block_io.weight_devices = {disk};
  resources.block_io.read_bps = {disk};
  disk.rate = 0;
  resources.block_io.write_iops = {disk};
  const auto on_v2 = cgroups::limit_properties(resources, true);
  CHECK(value(on_v2, "CPUQuotaPerSecUSec") == cgroups::BusValue(UINT64_MAX));
  CHECK(value(on_v2, "TasksMax") == cgroups::BusValue(UINT64_MAX));
  CHECK(value(on_v2, "IOReadBandwidthMax") == cgroups::BusValue(Numbers{{"/dev/block/8:16", 1 << 20}}));
  CHECK(value(on_v2, "IOWriteIOPSMax") == cgroups::BusValue(Numbers{{"/dev/block/8:16", UINT64_MAX}}));
  const auto on_v1 = cgroups::limit_properties(resources, false);
  CHECK(value(on_v1, "BlockIOReadBandwidth") == cgroups::BusValue(Numbers{{"/dev/block/8:16", 1 << 20}}));
  CHECK(on_v1.size() == 3);  // no operations a second
  for (const auto& [is_v2, has_bfq, weight, of_device] :
       {std::tuple(true, false, uint64_t{4950}, uint64_t{2930}),
        std::tuple(true, true, uint64_t{4500}, uint64_t{2300}),
        std::tuple(false, false, uint64_t{500}, uint64_t{300}),
        std::tuple(false, true, uint64_t{1000}, uint64_t{1000})}) {
    const auto weights = cgroups::weight_properties(resources.block_io, is_v2, has_bfq);
    CHECK(value(weights, is_v2 ? "IOWeight" : "BlockIOWeight") == cgroups::BusValue(weight));
    CHECK(value(weights, is_v2 ? "IODeviceWeight" : "BlockIODeviceWeight") ==
          cgroups::BusValue(Numbers{{"/dev/block/8:16", of_device}}));
  }
  cgroups::Resources files;
  files.unified = {
      {"memory.high", "50M"},      {"memory.min", "max"}, {"cpu.max", "max 50000"},
      {"cpu.weight", "7"},         {"pids.max", "9\n"},   {"io.max", "8:0 rbps=5 wiops=max\n8:1 rbps=6"},
      {"io.weight", "default 60"}, {"cpuset.cpus", "1"},  {"memory.low", "much"}};
  const auto unified = cgroups::limit_properties(files, true);
  CHECK(value(unified, "MemoryHigh") == cgroups::BusValue(uint64_t{50 << 20}));
  CHECK(value(unified, "MemoryMin") == cgroups::BusValue(UINT64_MAX));
  CHECK(value(unified, "MemoryLow") == cgroups::BusValue(false));
  CHECK(value(unified, "CPUQuotaPerSecUSec") == cgroups::BusValue(UINT64_MAX));
  CHECK(value(unified, "CPUQuotaPeriodUSec") == cgroups::BusValue(uint64_t{50'000}));
  CHECK(value(unified, "CPUWeight") == cgroups::BusValue(uint64_t{7}));
  CHECK(value(unified, "TasksMax") == cgroups::BusValue(uint64_t{9}));
  CHECK(value(unified, "IOReadBandwidthMax") ==
        cgroups::BusValue(Numbers{{"/dev/block/8:0", 5}, {"/dev/block/8:1", 6}}));
  CHECK(value(unified, "IOWriteIOPSMax") == cgroups::BusValue(Numbers{{"/dev/block/8:0", UINT64_MAX}}));
  CHECK(value(unified, "IOWeight") == cgroups::BusValue(uint64_t{60}));
  CHECK(value(unified, "AllowedCPUs") == cgroups::BusValue(std::vector<uint8_t>{2}));
  CHECK(cgroups::limit_properties(files, false).empty());
  cgroups::Resources late;
  CHECK(cgroups::late_properties(late).empty());
  late.cpu.idle = 1;
  late.unified["memory.oom.group"] = "1";
  CHECK(value(cgroups::late_properties(late), "CPUWeight") == cgroups::BusValue(uint64_t{0}));
  CHECK(value(cgroups::late_properties(late), "OOMPolicy") == cgroups::BusValue(std::string("kill")));
  late.cpu.idle = 0;
  CHECK(value(cgroups::late_properties(late), "CPUWeight") == cgroups::BusValue(UINT64_MAX));
}

TEST_CASE("device rules are properties as far as systemd can say them, and closed where it can't [pure]") {
  using Rules = std::vector<cgroups::DeviceRule>;
  const cgroups::DeviceRule nothing = {false, 'a', {}, {}, "rwm"};
  const auto rules = cgroups::device_properties(Rules{nothing,
                                                      {true, 'c', 1, 3, "rw"},
                                                      {true, 'c', 136, {}, ""},
                                                      {true, 'b', {}, {}, "m"},
                                                      {true, 'c', {}, 9, "r"},
                                                      {true, 'c', 1, 5, "rwm"},
                                                      {false, 'c', 1, 5, "w"}});
  REQUIRE(rules.size() == 2);
  CHECK(rules[0].name == "DevicePolicy");
  CHECK(rules[0].value == cgroups::BusValue(std::string("strict")));
  CHECK(rules[1].name == "DeviceAllow");
  CHECK(rules[1].value ==
        cgroups::BusValue(cgroups::BusTexts{
            {"/dev/char/1:3", "rw"}, {"char-136", "rwm"}, {"block-*", "m"}, {"/dev/char/1:5", "rm"}}));
  CHECK(cgroups::device_properties({}).empty());
  CHECK(cgroups::device_properties(Rules{{true, 'a', {}, {}, ""}, {false, 'c', 1, 3, ""}}).empty());
}

TEST_CASE("what systemd refuses, or can't do, is told in its words") {
  const TemporaryDirectory directory;
  const bool is_refused = GENERATE(true, false);
  const FakeSystemd systemd(directory.path(), is_refused ? "refused" : "failed");
  StepContext context;
  const auto step = cgroups::start_scope_step(request_of("", "id"), host_in(directory));
  const auto result = step->perform(context);
  REQUIRE_FALSE(result);
  CHECK(result.error().text() ==
        (is_refused ? "systemd cgroup driver: StartTransientUnit: org.freedesktop.systemd1.UnitExists: Unit "
                      "x.scope already exists."
                    : "systemd cgroup driver: vial-id.scope was not started: the job's result is failed (see "
                      "journalctl)"));
}

TEST_CASE("the real dbus-daemon takes our messages, and knows no systemd here") {
  const TemporaryDirectory directory;
  const std::string config = directory.file("bus.conf");
  const std::string address = directory.file("real");
  REQUIRE(create_file(config, "<busconfig><listen>unix:path=" + address +
                                  "</listen><auth>EXTERNAL</auth><policy context=\"default\"><allow "
                                  "send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>"
                                  "<allow own=\"*\"/><allow user=\"*\"/></policy></busconfig>"));
  const pid_t daemon = ::fork();
  if (daemon == 0) {
    const Fd quiet = sys::open("/dev/null", O_WRONLY).value();
    ::dup2(quiet.get(), 2);
    ::execlp("dbus-daemon", "dbus-daemon", "--nofork", "--config-file", config.c_str(), nullptr);
    ::_exit(127);
  }
  // The socket is there a moment before it listens.
  for (int wait = 0; wait < 500 && !connect_to(address); ++wait)
    ::usleep(10'000);
  StepContext context;
  const auto request = request_of("a-b.slice:docker:0123", "id", limited());
  const auto step = cgroups::start_scope_step(request, {"/tmp", address, directory.file("own")});
  const auto result = step->perform(context);
  // The call that comes after the refused one, as we said it to the other bus.
  const FakeSystemd systemd(directory.path(), "done");
  REQUIRE(cgroups::start_scope_step(request, host_in(directory))->perform(context));
  const Fd raw = connect_to(address);
  REQUIRE(raw);
  (void)write_all(raw.get(), std::string(1, '\0') + "AUTH EXTERNAL 30\r\n");
  (void)read_line(raw.get());
  (void)write_all(raw.get(), "BEGIN\r\n" + read_file(directory.file("call1")).value() +
                                 read_file(directory.file("call4")).value());
  std::string error_name;
  for (int i = 0; i < 4 && error_name.empty(); ++i) {
    std::string bytes = read_exactly(raw.get(), cgroups::kBusHead);
    bytes += read_exactly(raw.get(), cgroups::bytes_after_head(bytes).value());
    error_name = cgroups::unmarshal(bytes)->error_name;
  }
  ::kill(daemon, SIGTERM);
  const Fd pidfd = sys::pidfd_open(daemon).value();
  (void)wait_for(pidfd.get());
  REQUIRE_FALSE(result);
  // A message that it could not parse would have closed the connection.
  CHECK(result.error().text() ==
        "systemd cgroup driver: Subscribe: org.freedesktop.DBus.Error.ServiceUnknown: The name "
        "org.freedesktop.systemd1 was not provided by any .service files");
  CHECK(error_name == "org.freedesktop.DBus.Error.ServiceUnknown");
}

TEST_CASE("messages of a hostile bus are refused, whatever is cut off") {
  cgroups::BusWriter body;
  body.string("text");
  const std::string good = bus_message(3, 5, "some.Error", "s", body.bytes());
  REQUIRE(cgroups::unmarshal(good));
  CHECK(cgroups::unmarshal(good)->reply_serial == 5);
  CHECK(cgroups::unmarshal(good)->error_name == "some.Error");
  for (size_t size = 0; size < good.size(); ++size)
    CHECK_FALSE(cgroups::unmarshal(good.substr(0, size)));
  for (size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = '\xff';
    (void)cgroups::unmarshal(changed);  // no crash
  }
}
