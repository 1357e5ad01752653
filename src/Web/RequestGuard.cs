using System.Net;
using Microsoft.AspNetCore.Http;

namespace Softswitch.Web;

/// <summary>What is checked of each request and said with each reply, whatever it asks for.</summary>
internal static class RequestGuard
{
    // The page needs nothing but its own files and requests to where it came from.
    private const string ContentPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static void SetHeaders(HttpResponse response)
    {
        IHeaderDictionary headers = response.Headers;
        headers.ContentSecurityPolicy = ContentPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY"; // for browsers that know no frame-ancestors
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
    }

    /// <summary>
    /// Whether the Host header may stand for this machine. A page of another site can have its own name resolve to our address and then read what it asks
    /// for (DNS rebinding); an address or one of our own names it cannot have.
    /// </summary>
    public static bool IsOurs(HostString host)
    {
        string name = host.Host.TrimEnd('.');
        return IPAddress.TryParse(name, out _)
            || name.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || name.Equals(Environment.MachineName, StringComparison.OrdinalIgnoreCase);
    }
}
