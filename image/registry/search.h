// `search`: Docker Hub's search, or the catalog of a registry of one's own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/registry/documents.h"
#include "image/registry/settings.h"

namespace image::registry {

// "term" asks the search service of the settings; "host/term" the registry there: its search (API version 1)
// if it has one, else its catalog. At most `limit` results. Errors: kInvalid for a term with a scheme, those
// of fetch().
Result<std::vector<SearchResult>> search(const std::string& term, uint64_t limit, const Settings& settings);

// "localhost:5000/bus" -> host and term; an empty host: the search service's. Pure.
struct SearchTerm {
  std::string host;
  std::string term;
};
Result<SearchTerm> split_search_term(const std::string& text);

}  // namespace image::registry
