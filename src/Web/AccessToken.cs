using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Softswitch.Web;

/// <summary>What a request shows that may see packets' contents. Made at each start, and told by the URL that the start prints.</summary>
/// <remarks>
/// In the URL it stands behind the #, which browsers keep to themselves: it gets into no log, no Referer and no proxy. The page sends it in a header,
/// which a page of another site could not do without leave (CORS), and nobody gives it.
/// </remarks>
internal sealed class AccessToken
{
    private const int Bytes = 16;
    private const string Scheme = "Bearer ";

    private readonly string _text = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(Bytes));

    /// <summary>The part of the URL that tells it to the page.</summary>
    public string Fragment => $"#token={_text}";

    public bool IsShownBy(HttpRequest request)
    {
        string given = request.Headers[HeaderNames.Authorization].ToString();
        return given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given[Scheme.Length..].Trim()), Encoding.UTF8.GetBytes(_text));
    }
}
