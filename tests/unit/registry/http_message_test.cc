#include "image/registry/http_message.h"

#include <catch2/catch.hpp>

#include "image/registry/fetch.h"
#include "image/registry/search.h"

using namespace image::registry;

TEST_CASE("messages come out as they went in") {
  WireRequest request;
  request.id = 7;
  request.method = "PATCH";
  request.url = "https://host/v2/";
  request.headers = {{"Authorization", "Bearer x"}, {"Empty", ""}};
  request.has_body = true;
  request.body_offset = 1ULL << 40U;
  const auto again = unpack_request(pack(request));
  REQUIRE(again);
  CHECK(again->method == "PATCH");
  CHECK(again->headers == request.headers);
  CHECK(again->body_offset == request.body_offset);
  AnswerHead head{9, 206, {{"location", "/x"}, {"link", "a"}, {"link", "b"}}};
  const auto other = unpack_head(pack(head));
  REQUIRE(other);
  CHECK(other->header("location") == "/x");
  CHECK(other->all("link") == std::vector<std::string>{"a", "b"});
  const auto end = unpack_end(pack(TransferEnd{3, TransferFault::kTimeout, "slow\x1b"}));
  REQUIRE(end);
  CHECK(end->fault == TransferFault::kTimeout);
  CHECK(end->text == "slow\\x1b");
}

TEST_CASE("no cut or changed packet is taken for a message") {
  const std::string packet = pack(AnswerHead{9, 200, {{"a", "b"}}});
  for (size_t size = 0; size < packet.size(); ++size) {
    INFO(size);
    CHECK_FALSE(unpack_head(std::string_view(packet).substr(0, size)));
  }
  CHECK_FALSE(unpack_head(packet + "x"));
  CHECK_FALSE(unpack_end(packet));
  std::string lengths = packet;
  // The kind; the upper half of the id and of the status; the number of headers; the length of a name.
  for (const size_t i : {0, 15, 23, 24, 32}) {
    INFO(i);
    lengths[i] = '\x7f';
    CHECK_FALSE(unpack_head(lengths));
    lengths[i] = packet[i];
  }
  CHECK_FALSE(unpack_head(pack(AnswerHead{9, 200, std::vector<Header>(kMaxHeaders + 1)})));
}

TEST_CASE("a status is told in the registry's words") {
  const auto url = *parse_url("https://host/v2/");
  CHECK(status_error(url, 404, R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]})")
            .text() == "manifest unknown: manifest unknown");
  CHECK(status_error(url, 502, "<html>").text() == "registry host answered with status 502");
  CHECK(status_error(url, 429, "").text().find("limits") != std::string::npos);
}

TEST_CASE("where a search term is looked for") {
  CHECK(split_search_term("nginx")->host.empty());
  CHECK(split_search_term("library/nginx")->term == "nginx");
  CHECK(split_search_term("team/nginx")->term == "team/nginx");
  CHECK(split_search_term("localhost/x")->host == "localhost");
  CHECK(split_search_term("lan:5000/team/x")->term == "team/x");
  CHECK(split_search_term("lan:5000/")->term.empty());
  CHECK_FALSE(split_search_term("https://lan/x"));
}
