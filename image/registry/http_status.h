// The status codes that registries answer with and we tell apart (RFC 9110, section 15; distribution-spec).
#pragma once

#include <cstdint>

namespace image::registry::http {

inline constexpr uint32_t kOk = 200;
inline constexpr uint32_t kCreated = 201;
inline constexpr uint32_t kAccepted = 202;
inline constexpr uint32_t kNoContent = 204;
inline constexpr uint32_t kPartialContent = 206;
inline constexpr uint32_t kUnauthorized = 401;
inline constexpr uint32_t kForbidden = 403;
inline constexpr uint32_t kNotFound = 404;
inline constexpr uint32_t kRangeNotSatisfiable = 416;
inline constexpr uint32_t kTooMany = 429;
inline constexpr uint32_t kServerErrors = 500;  // and above

}  // namespace image::registry::http
