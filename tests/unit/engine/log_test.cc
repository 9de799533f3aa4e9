#include <sys/mount.h>

#include <catch2/catch.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "engine/log_writer.h"
#include "tests/unit/temporary_directory.h"

using engine::LogSettings;
using engine::LogWriter;
using engine::Stream;

namespace {

std::vector<Json> lines_of(const std::string& path) {
  std::vector<Json> lines;
  for (const auto& line : split(read_file(path).value_or(""), '\n')) {
    if (!line.empty()) lines.push_back(parse_json(line).value());
  }
  return lines;
}

}  // namespace

TEST_CASE("output becomes docker's lines, streams apart") {
  const TemporaryDirectory directory;
  LogWriter log({.path = directory.path() + "/log"});
  log.append(Stream::kOut, "one\ntw");
  log.append(Stream::kErr, "oops\n");
  log.append(Stream::kOut, "o\nrest");
  REQUIRE(lines_of(directory.path() + "/log").size() == 3);
  log.finish();
  const auto lines = lines_of(directory.path() + "/log");
  REQUIRE(lines.size() == 4);
  CHECK(lines[0]["log"] == "one\n");
  CHECK(lines[0]["stream"] == "stdout");
  CHECK(lines[1]["log"] == "oops\n");
  CHECK(lines[1]["stream"] == "stderr");
  CHECK(lines[2]["log"] == "two\n");
  CHECK(lines[3]["log"] == "rest");
  CHECK(lines[3]["time"].get<std::string>().ends_with("Z"));
}

TEST_CASE("long lines are cut, bytes that are no UTF-8 do not stop the log") {
  const TemporaryDirectory directory;
  LogWriter log({.path = directory.path() + "/log"});
  log.append(Stream::kOut, std::string(40000, 'x') + "\n\xff\xfe\n");
  const auto lines = lines_of(directory.path() + "/log");
  REQUIRE(lines.size() == 4);
  CHECK(lines[0]["log"].get<std::string>().size() == 16384);
  CHECK(lines[2]["log"].get<std::string>().ends_with("x\n"));
}

TEST_CASE("the log rotates and keeps so many files") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/log";
  LogWriter log({.path = path, .max_bytes = 500, .files = 3});
  for (int i = 0; i < 50; ++i)
    log.append(Stream::kOut, "line " + std::to_string(i) + "\n");
  CHECK(path_exists(path));
  CHECK(path_exists(path + ".1"));
  CHECK(path_exists(path + ".2"));
  CHECK_FALSE(path_exists(path + ".3"));
  CHECK(lines_of(path).back()["log"] == "line 49\n");
  CHECK(read_file(path + ".1")->size() <= 500);
}

TEST_CASE("no log is no file") {
  const TemporaryDirectory directory;
  LogWriter log{LogSettings{}};
  log.append(Stream::kOut, "x\n");
  log.finish();
  CHECK(list_directory(directory.path())->empty());
}

TEST_CASE("a full disk drops whole lines and says so when there is room again") {
  const TemporaryDirectory directory;
  REQUIRE(::mount("tmpfs", directory.path().c_str(), "tmpfs", 0, "size=8k") == 0);
  const std::string path = directory.path() + "/log";
  const std::string ballast = directory.path() + "/ballast";
  REQUIRE(create_file(ballast, std::string(4096, 'x')));
  LogWriter log({.path = path});
  for (int i = 0; i < 100; ++i)
    log.append(Stream::kOut, "a line of output\n");
  CHECK(log.dropped_bytes() > 0);
  for (const auto& line : lines_of(path))
    CHECK(line["log"] == "a line of output\n");
  REQUIRE(remove_tree(ballast));
  log.append(Stream::kOut, "again\n");
  const auto lines = lines_of(path);
  REQUIRE(lines.size() > 2);
  CHECK(lines[lines.size() - 2]["log"].get<std::string>().starts_with("[vial: dropped "));
  CHECK(lines.back()["log"] == "again\n");
  REQUIRE(::umount2(directory.path().c_str(), MNT_DETACH) == 0);
}

TEST_CASE("--log-opt") {
  engine::RunRequest request;
  request.log_opts = {{"max-size", "10k"}, {"max-file", "2"}};
  const auto settings = engine::log_settings(request, "/c");
  REQUIRE(settings);
  CHECK(settings->path == "/c/log");
  CHECK(settings->max_bytes == 10240);
  CHECK(settings->files == 2);
  request.log_opts = {{"max-file", "0"}};
  CHECK_FALSE(engine::log_settings(request, "/c"));
  request.log_driver = "none";
  CHECK(engine::log_settings(request, "/c")->path.empty());
}
