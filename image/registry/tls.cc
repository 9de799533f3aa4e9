#include "image/registry/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

namespace image::registry {
namespace {

// The server has asked for a certificate of ours. With TLS 1.3 what it thinks of the answer comes when we
// send already, as a broken connection as often as in words. The material outlives all connections: also
// those that ask again later.
int on_certificate_wanted(SSL* /*connection*/, void* material) {
  static_cast<const TlsMaterial*>(material)->is_asked_for = true;
  return 1;
}

// Blocks that are no certificates are passed over.
std::shared_ptr<stack_st_X509> parse_certificates(const std::string& pem) {
  std::shared_ptr<stack_st_X509> all(sk_X509_new_null(),
                                     [](stack_st_X509* stack) { sk_X509_pop_free(stack, X509_free); });
  BIO* source = ::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  while (X509* certificate = ::PEM_read_bio_X509_AUX(source, nullptr, nullptr, nullptr))
    sk_X509_push(all.get(), certificate);
  ::BIO_free(source);
  ::ERR_clear_error();  // the end of the text is an error, too
  return all;
}

// SSL_CTX_set_cert_verify_callback(3): a server's chain is here. Only now are the authorities parsed: a
// system's bundle takes 20 ms, for nothing where the first try at TLS meets a server without it.
int judge_chain(X509_STORE_CTX* chain, void* data) {
  const auto* material = static_cast<const TlsMaterial*>(data);
  if (!material->known_issuers) material->known_issuers = parse_certificates(material->authorities);
  ::X509_STORE_CTX_set0_trusted_stack(chain, material->known_issuers.get());
  return ::X509_verify_cert(chain);
}

}  // namespace

CURLcode prepare_tls(CURL* /*easy*/, void* context, void* material) {
  auto* settings = static_cast<SSL_CTX*>(context);
  ::SSL_CTX_set_cert_cb(settings, &on_certificate_wanted, material);
  ::SSL_CTX_set_cert_verify_callback(settings, &judge_chain, material);
  return CURLE_OK;
}

}  // namespace image::registry
