// The process that speaks HTTP: libcurl behind the messages of http_message.h. It follows no redirect, keeps
// no credentials and opens no file: every request says all that it needs. Only this file and http_transfer
// know libcurl.
#pragma once

namespace image::registry {

// To be called once before the sandbox closes: what libcurl and OpenSSL read from disk.
void prepare_http();

// Serves requests from the socket until the peer is gone; the exit code.
int serve_http(int socket_fd);

}  // namespace image::registry
