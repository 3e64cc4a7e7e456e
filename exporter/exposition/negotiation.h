// Which format and coding a client asked for.
#pragma once

#include <string_view>

#include "exporter/exposition/family.h"
#include "exporter/exposition/page.h"

namespace exporter {

// The format an Accept header prefers; text where it is absent, has no preference or accepts neither: a
// scraper is better served by a format it did not ask for than by a 406. OpenMetrics is answered as 1.0.0,
// also to a client that names just 0.0.1. Of two equal q-values the one named first wins. Unknown parameters
// are ignored.
Format NegotiateFormat(std::string_view accept);

// Gzip if an Accept-Encoding header allows it and does not prefer the plain bytes; absent or empty means
// plain.
Coding NegotiateCoding(std::string_view accept_encoding);

// The exact Content-Type; Prometheus 3 refuses a page without one.
std::string_view ContentType(Format format);

}  // namespace exporter
