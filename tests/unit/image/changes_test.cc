#include "image/changes.h"

#include <catch2/catch.hpp>

using image::apply_change;
using Words = std::vector<std::string>;

namespace {

std::string change_error(const char* change) {
  image::RunConfig config;
  const auto applied = apply_change(config, change);
  return applied ? "" : applied.error().text();
}

}  // namespace

TEST_CASE("each instruction changes its part") {
  image::RunConfig config;
  for (const char* change :
       {"CMD [\"sh\", \"-l\"]", "entrypoint run it", "ENV A=1 B=\"2 3\" C=x\\ y", "ENV OLD the form",
        "ENV A=9", "LABEL k=v", "EXPOSE 80 53/UDP 7000-7001", "VOLUME /b /a", "VOLUME [\"/c\"]", "USER 1:2",
        "WORKDIR /w", "WORKDIR sub", "STOPSIGNAL SIGINT", "ONBUILD RUN x"}) {
    INFO(change);
    CHECK(apply_change(config, change));
  }
  CHECK(config.cmd == Words{"sh", "-l"});
  CHECK(config.entrypoint == Words{"/bin/sh", "-c", "run it"});
  CHECK(config.env == Words{"A=9", "B=2 3", "C=x y", "OLD=the form"});
  CHECK(config.labels.at("k") == "v");
  CHECK(config.exposed_ports == Words{"53/udp", "7000/tcp", "7001/tcp", "80/tcp"});
  CHECK(config.volumes == Words{"/a", "/b", "/c"});
  CHECK(config.user == "1:2");
  CHECK(config.working_dir == "/w/sub");
  CHECK(config.stop_signal == "SIGINT");
  CHECK(config.on_build == Words{"RUN x"});
}

TEST_CASE("other instructions and broken ones are refused") {
  CHECK(change_error("RUN true") == "RUN is not a valid change command");
  CHECK(change_error("RUN") == "RUN is not a valid change command");
  CHECK(change_error("") == " is not a valid change command");
  CHECK(change_error("ENV") == "ENV requires an argument");
  CHECK(change_error("ENV A") == "ENV must have two arguments");
  CHECK(change_error("ENV A=1 B") == "ENV: 'B' is not name=value");
  CHECK(change_error("LABEL a='x") == "a quote is not closed: a='x");
  CHECK(change_error("EXPOSE 70000") == "invalid containerPort: 70000");
  CHECK(change_error("EXPOSE 9-8") == "invalid containerPort: 9-8");
  CHECK(change_error("EXPOSE 1/icmp") == "invalid containerPort: 1/icmp");
}
