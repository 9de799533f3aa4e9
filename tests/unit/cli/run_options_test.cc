#include "cli/run_options.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/file.h"

namespace {

Result<engine::RunRequest> request(const std::vector<std::string>& words) {
  const cli::OptionTable tables[] = {cli::container_options()};
  const auto options = cli::parse_options(tables, words, cli::Order::kOptionsFirst);
  if (!options) return options.error();
  return cli::run_request(*options);
}

}  // namespace

TEST_CASE("an image alone asks for nothing else") {
  const auto made = request({"busybox"});
  REQUIRE(made);
  engine::RunRequest plain;
  plain.image = "busybox";
  CHECK(engine::write_request(*made) == engine::write_request(plain));
}

TEST_CASE("the command is everything after the image") {
  const auto made = request({"-i", "busybox", "sh", "-c", "echo --rm"});
  REQUIRE(made);
  CHECK(made->interactive);
  CHECK_FALSE(made->remove);
  CHECK(made->command == std::vector<std::string>{"sh", "-c", "echo --rm"});
}

TEST_CASE("limits come in bytes, microseconds and billionths") {
  const auto made = request({"-m",
                             "64m",
                             "--memory-swap",
                             "-1",
                             "--memory-reservation",
                             "32m",
                             "--cpus",
                             "1.5",
                             "--cpu-shares",
                             "512",
                             "--cpu-quota",
                             "50000",
                             "--cpu-period",
                             "100000",
                             "--cpuset-cpus",
                             "0-1",
                             "--pids-limit",
                             "0",
                             "--blkio-weight",
                             "300",
                             "--device-read-bps",
                             "/dev/sda:1mb",
                             "busybox"});
  REQUIRE(made);
  CHECK(made->limits.memory_bytes == 64 << 20);
  CHECK(made->limits.memory_swap_bytes == -1);
  CHECK(made->limits.memory_reservation_bytes == 32 << 20);
  CHECK(made->limits.nano_cpus == 1'500'000'000);
  CHECK(made->limits.cpu_shares == 512);
  CHECK(made->limits.cpu_quota_us == 50'000);
  CHECK(made->limits.cpu_period_us == 100'000);
  CHECK(made->limits.cpuset_cpus == "0-1");
  CHECK(made->limits.pids_limit == 0);
  CHECK(made->limits.blkio_weight == 300);
  CHECK(made->limits.device_read_bps == std::vector<std::string>{"/dev/sda:1mb"});
}

TEST_CASE("zero means not set where Docker means that") {
  const auto made = request({"-m", "0", "--cpus", "0", "--cpu-shares", "0", "--blkio-weight", "0",
                             "--memory-swappiness", "-1", "--shm-size", "0", "busybox"});
  REQUIRE(made);
  CHECK_FALSE(made->limits.memory_bytes);
  CHECK_FALSE(made->limits.nano_cpus);
  CHECK_FALSE(made->limits.cpu_shares);
  CHECK_FALSE(made->limits.blkio_weight);
  CHECK_FALSE(made->limits.memory_swappiness);
  CHECK_FALSE(made->shm_bytes);  // size=0 would be a tmpfs without limit
}

TEST_CASE("an empty entrypoint clears the image's") {
  CHECK_FALSE(request({"busybox"})->entrypoint.has_value());
  CHECK(request({"--entrypoint", "", "busybox"})->entrypoint == "");
  CHECK(request({"--entrypoint=ls", "busybox"})->entrypoint == "ls");
}

TEST_CASE("pairs: labels, sysctls, log options") {
  const auto made = request({"-l", "a=1", "--label", "b", "-l", "a=2=3", "--sysctl", "net.core.somaxconn=10",
                             "--log-opt", "max-size=1m", "busybox"});
  REQUIRE(made);
  CHECK(made->labels == std::map<std::string, std::string>{{"a", "2=3"}, {"b", ""}});
  CHECK(made->sysctls.at("net.core.somaxconn") == "10");
  CHECK(made->log_opts.at("max-size") == "1m");
  CHECK_FALSE(request({"-l", "=x", "busybox"}));
}

TEST_CASE("labels of a file come before those of the command line") {
  char path[] = "/tmp/vial-labels-XXXXXX";
  const Fd file(::mkstemp(path));
  REQUIRE(write_all(file.get(), "# comment\n\n from=file \nboth=file\n"));
  const auto made = request({"--label-file", path, "-l", "both=line", "busybox"});
  ::unlink(path);
  REQUIRE(made);
  CHECK(made->labels == std::map<std::string, std::string>{{"from", "file"}, {"both", "line"}});
  CHECK_FALSE(request({"--label-file", "/nonexistent/labels", "busybox"}));
}

TEST_CASE("values that are one of a few words") {
  CHECK(request({"--pull", "never", "busybox"})->pull == engine::PullPolicy::kNever);
  CHECK(request({"--pull", "bogus", "busybox"}).error().text() ==
        "invalid pull option: 'bogus': must be one of \"always\", \"missing\" or \"never\"");
  CHECK(request({"-a", "STDIN", "-a", "stderr", "busybox"})->attach ==
        std::vector<std::string>{"stdin", "stderr"});
  CHECK(request({"-a", "foo", "busybox"}).error().text() ==
        "invalid argument \"foo\" for \"-a, --attach\" flag: valid streams are STDIN, STDOUT and STDERR");
  CHECK_FALSE(request({"--stop-timeout", "99999999999", "busybox"}));
}

TEST_CASE("--net is --network, --dns-opt is --dns-option") {
  CHECK(request({"--net=host", "busybox"})->network_mode == "host");
  CHECK(request({"--dns-opt", "ndots:1", "busybox"})->dns_options == std::vector<std::string>{"ndots:1"});
}
