#include "image/registry/search.h"

#include "base/strings.h"
#include "image/registry/fetch.h"
#include "image/registry/http_status.h"
#include "image/registry/remote.h"

namespace image::registry {

namespace {

constexpr size_t kMaxCatalogPages = 1000;
constexpr size_t kCatalogPage = 100;

Result<std::vector<SearchResult>> search_catalog(Remote& remote, const std::string& term, uint64_t limit) {
  FetchRequest request;
  request.path = "_catalog?n=" + std::to_string(kCatalogPage);
  request.scope = "registry:catalog:*";
  std::vector<SearchResult> results;
  for (size_t page = 0; page < kMaxCatalogPages; ++page) {
    const Answer answer = TRY(fetch(remote, request));
    if (answer.head.status != http::kOk)
      return status_error(answer.url, answer.head.status, answer.body).in("catalog of " + remote.host());
    const auto names = TRY(parse_catalog(answer.body));
    for (const auto& name : names) {
      if (contains(name, term)) results.push_back({remote.host() + "/" + name, "", 0, false, false});
      if (results.size() == limit) return results;
    }
    const auto next = next_page(answer.head.header("link"));
    if (!next) break;
    request.url = TRY(resolve_url(answer.url, *next));
  }
  return results;
}

// Version 1 of the API, which Docker Hub still answers searches by.
Result<std::optional<std::vector<SearchResult>>> search_v1(Remote& remote, const Url& base,
                                                           const std::string& term, uint64_t limit) {
  FetchRequest request;
  request.url = base;
  request.url->target = "/v1/search";
  add_query(*request.url, "q", term);
  add_query(*request.url, "n", std::to_string(limit));
  const Answer answer = TRY(fetch(remote, request));
  if (answer.head.status != http::kOk) return std::optional<std::vector<SearchResult>>();
  auto results = parse_search(answer.body);
  if (!results) return std::move(results).error().in("search at " + base.authority());
  if (results->size() > limit) results->resize(limit, SearchResult());
  return std::optional(std::move(*results));
}

}  // namespace

Result<SearchTerm> split_search_term(const std::string& text) {
  if (contains(text, "://"))
    return invalid("invalid repository name: repository name (" + printable(text) +
                   ") should not have a scheme");
  const size_t slash = text.find('/');
  const std::string first = text.substr(0, slash);
  const bool is_host =
      slash != std::string::npos && (first.find_first_of(".:") != std::string::npos || first == "localhost");
  if (!is_host || first == "docker.io" || first == "index.docker.io") {
    std::string term = is_host ? text.substr(slash + 1) : text;
    constexpr std::string_view kOfficial = "library/";
    if (term.starts_with(kOfficial)) term.erase(0, kOfficial.size());
    return SearchTerm{"", std::move(term)};
  }
  return SearchTerm{first, text.substr(slash + 1)};
}

Result<std::vector<SearchResult>> search(const std::string& term, uint64_t limit, const Settings& settings) {
  const SearchTerm wanted = TRY(split_search_term(term));
  HttpClient client = TRY(HttpClient::start(settings));
  if (wanted.host.empty()) {
    const Url base = TRY(parse_url(settings.search));
    Remote remote = TRY(Remote::make(client, settings, base.scheme + "://" + base.authority(), {}));
    auto found = TRY(search_v1(remote, base, wanted.term, limit));
    if (!found) return invalid("search at " + base.authority() + ": it has no search");
    return std::move(*found);
  }
  const CredentialFile file = TRY(CredentialFile::open());
  auto credentials = TRY(file.find(wanted.host, ""));
  Remote remote = TRY(Remote::make(client, settings, wanted.host, std::move(credentials)));
  // Which scheme it speaks, and that it is there at all, is known after the first request.
  auto results = search_catalog(remote, wanted.term, limit);
  if (results) return results;
  const auto by_search = search_v1(remote, remote.url(""), wanted.term, limit);
  if (by_search && *by_search) return **by_search;
  return results;
}

}  // namespace image::registry
