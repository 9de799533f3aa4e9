#include "cli/container_rows.h"
#include "base/units.h"

#include <catch2/catch.hpp>

#include "cli/container_filters.h"

namespace {

constexpr int64_t kNow = 1'800'000'000 * kSecondNs;

engine::Container make(const std::string& name, engine::Status status) {
  engine::Container container;
  container.record.id = std::string(60, name[0]) + "0123";
  container.record.name = name;
  container.record.created_ns = kNow - 90 * kSecondNs;
  container.record.image.reference = "busybox";
  container.record.image.id = "sha256:" + std::string(64, 'e');
  container.record.args = {"sh", "-c", "echo \"a long command line\""};
  container.record.request.labels = {{"tier", "db"}, {"x", ""}};
  container.record.image.labels = {{"maker", "us"}, {"tier", "image's"}};
  container.state.status = status;
  container.state.run.started_ns = kNow - 3 * kSecondNs;
  if (status == engine::Status::kRunning || status == engine::Status::kPaused) container.state.pid = 42;
  return container;
}

engine::Container ended(const std::string& name, int code) {
  auto container = make(name, engine::Status::kExited);
  engine::ExitRecord exit;
  exit.code = code;
  exit.finished_ns = kNow - 4 * kSecondNs;
  container.state.last_exit = exit;
  return container;
}

}  // namespace

TEST_CASE("STATUS in Docker's words") {
  CHECK(cli::status_text(make("a", engine::Status::kCreated).state, kNow) == "Created");
  CHECK(cli::status_text(make("a", engine::Status::kRunning).state, kNow) == "Up 3 seconds");
  CHECK(cli::status_text(make("a", engine::Status::kPaused).state, kNow) == "Up 3 seconds (Paused)");
  CHECK(cli::status_text(ended("a", 137).state, kNow) == "Exited (137) 4 seconds ago");
  CHECK(cli::status_text(make("a", engine::Status::kDead).state, kNow) == "Dead");
  auto lost = make("a", engine::Status::kRunning);
  lost.state.monitored = false;
  CHECK(cli::status_text(lost.state, kNow) == "Up 3 seconds (monitor lost)");
}

TEST_CASE("the default table of ps") {
  cli::RowDetails details;
  details.now_ns = kNow;
  const std::vector<Json> rows = {cli::container_row(make("web", engine::Status::kRunning), details)};
  CHECK(cli::render_list(cli::container_list_format(false), "", rows).value() ==
        "CONTAINER ID   IMAGE     COMMAND                   CREATED              STATUS         PORTS     "
        "NAMES\n"
        "wwwwwwwwwwww   busybox   \"sh -c echo \\\"a long …\"   About a minute ago   Up 3 seconds            "
        " web\n");
}

TEST_CASE("every field of a row has a header") {
  const auto how = cli::container_list_format(true);
  const Json row = cli::container_row(ended("db", 0), {});
  for (const auto& [key, value] : row.items())
    CHECK(how.headers.contains(key));
  CHECK(row.size() == how.headers.size());
}

TEST_CASE("nothing is cut with --no-trunc; sizes as Docker prints them") {
  cli::RowDetails details;
  details.truncate = false;
  details.size_bytes = 12;
  details.image_bytes = 1'980'000;
  const Json row = cli::container_row(make("web", engine::Status::kCreated), details);
  CHECK(row["ID"].get<std::string>().size() == 64);
  CHECK(row["Command"] == "\"sh -c echo \\\"a long command line\\\"\"");
  CHECK(row["Size"] == "12B (virtual 1.98MB)");
  CHECK(row["Labels"] == "maker=us,tier=db,x=");
}

TEST_CASE("times as Go prints them") {
  CHECK(cli::go_time(1'767'366'245'123'456'789) == "2026-01-02 15:04:05 +0000 UTC");
}

namespace {

engine::Listing three() {
  engine::Listing listing;
  listing.containers = {make("web", engine::Status::kRunning), ended("db", 3),
                        make("job", engine::Status::kCreated)};
  listing.containers[0].record.created_ns = 300;
  listing.containers[1].record.created_ns = 200;
  listing.containers[2].record.created_ns = 100;
  listing.containers[0].record.request.labels = {};
  listing.containers[0].record.image.labels.erase("tier");
  listing.containers[0].record.mounts.push_back({.type = "volume", .name = "data", .destination = "/data"});
  listing.containers[2].record.image.exposed_ports = {"80/tcp"};
  return listing;
}

std::string names(const std::vector<std::string>& words) {
  const auto listing = three();
  const auto filters = cli::ContainerFilters::make(words, listing);
  if (!filters) return filters.error().text();
  std::string text;
  for (const auto& container : listing.containers) {
    if (filters->matches(container)) text += container.record.name + " ";
  }
  return text;
}

}  // namespace

TEST_CASE("filters of ps: one key is or, several are and") {
  CHECK(names({}) == "web db job ");
  CHECK(names({"status=exited", "status=created"}) == "db job ");
  CHECK(names({"status=exited", "name=web"}).empty());
  CHECK(names({"name=^/?w"}) == "web ");
  CHECK(names({"name=b"}) == "web db job ");
  CHECK(names({"id=www"}) == "web ");
  CHECK(names({"exited=3"}) == "db ");
  CHECK(names({"exited=0"}).empty());
  CHECK(names({"label=tier"}) == "db job ");
  CHECK(names({"label=tier=db", "label=nope"}).empty());
  CHECK(names({"label=maker=us"}) == "web db job ");
  CHECK(names({"ancestor=busybox:latest"}) == "web db job ");
  CHECK(names({"ancestor=alpine"}).empty());
  CHECK(names({"before=web"}) == "db job ");
  CHECK(names({"since=job"}) == "web db ");
  CHECK(names({"volume=data"}) == "web ");
  CHECK(names({"volume=/data"}) == "web ");
  CHECK(names({"expose=80"}) == "job ");
  CHECK(names({"network=none"}) == "web db job ");
}

TEST_CASE("filters that are none are errors") {
  CHECK(names({"status=zzz"}) == "Invalid filter 'status=zzz'");
  CHECK(names({"zzz=1"}) == "Invalid filter 'zzz'");
  CHECK(names({"exited=x"}) == "Invalid filter 'exited=x'");
  CHECK(names({"before=nosuch"}) == "No such container: nosuch");
}
