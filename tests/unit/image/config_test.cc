#include "image/config.h"

#include <catch2/catch.hpp>

#include "base/json.h"

using image::parse_config;

namespace {

std::string error_of(const std::string& text) {
  const auto config = parse_config(text);
  return config ? "" : config.error().text();
}

}  // namespace

TEST_CASE("a whole configuration is read") {
  const std::string digest = "sha256:" + std::string(64, '1');
  const auto config =
      parse_config(R"({"architecture":"arm64","os":"linux","variant":"v8","created":"2020-01-02T03:04:05.5Z",
    "config":{"Env":["PATH=/bin","EMPTY="],"Cmd":["sh","-c","x"],"Entrypoint":null,"User":"1:2","WorkingDir":"/w",
    "Volumes":{"/v":{},"/a":{}},"ExposedPorts":{"80/tcp":{}},"Labels":{"k":"v"},"StopSignal":"SIGINT","StopTimeout":3,
    "Healthcheck":{"Test":["CMD","true"],"Interval":5,"Retries":2},"Shell":["/bin/bash"],"OnBuild":["RUN x"],
    "Unknown":[1]},
    "history":[{"created_by":"x","empty_layer":true}],"rootfs":{"type":"layers","diff_ids":[")" +
                   digest + R"("]}})");
  REQUIRE(config);
  CHECK(config->architecture == "arm64");
  CHECK(config->variant == "v8");
  CHECK(config->created_ns == 1577934245500000000);
  CHECK(config->run.env == std::vector<std::string>{"PATH=/bin", "EMPTY="});
  CHECK(config->run.cmd.size() == 3);
  CHECK(config->run.entrypoint.empty());
  CHECK(config->run.user == "1:2");
  CHECK(config->run.working_dir == "/w");
  CHECK(config->run.volumes == std::vector<std::string>{"/a", "/v"});
  CHECK(config->run.exposed_ports == std::vector<std::string>{"80/tcp"});
  CHECK(config->run.labels.at("k") == "v");
  CHECK(config->run.stop_signal == "SIGINT");
  CHECK(config->run.stop_timeout_s == 3);
  REQUIRE(config->run.healthcheck);
  CHECK(config->run.healthcheck->interval_ns == 5);
  CHECK(config->run.shell == std::vector<std::string>{"/bin/bash"});
  CHECK(config->run.on_build == std::vector<std::string>{"RUN x"});
  CHECK(config->history.at(0).empty_layer);
  CHECK(config->diff_ids.at(0).text() == digest);
}

TEST_CASE("what is written of a run configuration is read back") {
  image::RunConfig run;
  run.env = {"A=1"};
  run.cmd = {"sh"};
  run.volumes = {"/v"};
  run.healthcheck = image::Healthcheck{{"CMD", "x"}, 1, 2, 3, 4, 5};
  run.stop_timeout_s = 0;
  const Json json = image::write_run_config(run);
  const auto again = image::read_run_config(JsonView(json));
  REQUIRE(again);
  CHECK(again->env == run.env);
  CHECK(again->volumes == run.volumes);
  CHECK(again->healthcheck->start_interval_ns == 4);
  CHECK(again->stop_timeout_s == 0);
}

TEST_CASE("hostile configurations are refused and the error says where") {
  CHECK(error_of(R"({"config":{"Env":["novalue"]}})") ==
        "image configuration: /config/Env: 'novalue' is not NAME=value");
  CHECK(error_of(R"({"config":{"Env":["=x"]}})").ends_with("'=x' is not NAME=value"));
  CHECK(error_of(R"({"config":{"Env":["A=\u0000"]}})").ends_with("has a NUL byte"));
  CHECK(error_of(R"({"config":{"Cmd":"sh"}})").ends_with("/config/Cmd: not an array"));
  CHECK(error_of(R"({"config":{"Cmd":[1]}})").ends_with("/config/Cmd/0: not a string"));
  CHECK(error_of(R"({"config":{"Volumes":{"/a\u0000b":{}}}})").ends_with("has a NUL byte"));
  CHECK(error_of(R"({"config":[]})").ends_with("/config: not an object"));
  CHECK(error_of(R"({"rootfs":{"diff_ids":["md5:x"]}})").find("invalid digest") != std::string::npos);
  CHECK(error_of(R"({"os":"linux","os":"windows"})").find("duplicate key") != std::string::npos);
  CHECK(error_of(R"({"created":"yesterday"})").find("/created") != std::string::npos);
  CHECK(error_of("[]").find("not an object") != std::string::npos);
  CHECK(error_of("{").find("not valid JSON") != std::string::npos);
  CHECK(error_of(std::string(5U << 20U, ' ')).find("larger than 4 MiB") != std::string::npos);
  std::string many = R"({"rootfs":{"diff_ids":[)";
  for (int i = 0; i < 513; ++i)
    many += (i == 0 ? "\"sha256:" : ",\"sha256:") + std::string(64, 'a') + "\"";
  CHECK(error_of(many + "]}}").find("513 layers") != std::string::npos);
}
