using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Softswitch.OfAgent.Connections;

/// <summary>TLS 1.2 or 1.3 with certificates on both sides.</summary>
internal static class TlsHandshake
{
    /// <summary>What a peer means that ends the connection before it has said anything else.</summary>
    public const string Refusal = " after the TLS handshake: it does not accept our certificate";

    /// <summary>Blocks until both sides agreed.</summary>
    /// <param name="inner">Disposed with the result.</param>
    /// <exception cref="TlsException">They did not; one line says why.</exception>
    public static SslStream Run(Stream inner, TlsCredentials credentials, bool isServer)
    {
        string refusal = "";
        SslStream stream = Over(inner);
        try
        {
            if (isServer)
            {
                stream.AuthenticateAsServer(ServerOptions(credentials, Check));
            }
            else
            {
                stream.AuthenticateAsClient(ClientOptions(credentials, Check));
            }
            return stream;
        }
        catch (Exception exception) when (exception is AuthenticationException or IOException or InvalidOperationException)
        {
            throw new TlsException(refusal.Length > 0 ? refusal : Describe(exception), exception);
        }

        bool Check(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) =>
            credentials.Trusts(certificate as X509Certificate2, chain?.ChainPolicy.ExtraStore ?? [], isServer, out refusal);
    }

    private static SslStream Over(Stream inner)
    {
        try
        {
            return new SslStream(inner, leaveInnerStreamOpen: false);
        }
        catch (ArgumentException exception)
        {
            // A socket that another thread has closed can be neither read nor written any more.
            throw new TlsException("the connection was closed before the TLS handshake", exception);
        }
    }

    /// <summary>What the TLS library says of a failed handshake or a broken stream, without its wrapping.</summary>
    public static string Describe(Exception exception)
    {
        Exception innermost = exception.GetBaseException();
        if (exception is IOException && innermost == exception)
        {
            return "the peer closed the connection in the TLS handshake";
        }
        // OpenSSL: "error:0A000418:SSL routines::tlsv1 alert unknown ca".
        string message = innermost.Message.ReplaceLineEndings(" ");
        int routine = message.LastIndexOf("::", StringComparison.Ordinal);
        string reason = routine < 0 ? message : message[(routine + 2)..];
        return !reason.Contains("alert", StringComparison.OrdinalIgnoreCase) ? $"TLS: {reason}"
            : IsOfCertificate(reason) ? $"TLS: the peer does not accept our certificate: {reason}"
            : $"TLS: the peer refuses us: {reason}";
    }

    /// <summary>Why a connection that was open ended, when a read or write failed.</summary>
    /// <param name="mayBeRefused">
    /// Whether the peer has said nothing since the handshake: under TLS 1.3 it judges our certificate only then.
    /// </param>
    public static string DescribeLoss(Exception exception, bool mayBeRefused)
    {
        Exception cause = exception.GetBaseException();
        bool isCut = cause == exception
            || cause is SocketException { SocketErrorCode: SocketError.ConnectionReset or SocketError.Shutdown };
        return mayBeRefused && isCut ? DescribeEnd(mayBeRefused)
            : mayBeRefused && cause is not SocketException ? $"connection lost: {Describe(exception)}"
            : $"connection lost: {(exception.InnerException ?? exception).Message}";
    }

    /// <summary>The same where the peer closed the connection.</summary>
    public static string DescribeEnd(bool mayBeRefused) => mayBeRefused ? $"closed by the peer{Refusal}" : "closed by the peer";

    // RFC 8446 §6.2: the alerts that mean a certificate, in OpenSSL's words.
    private static bool IsOfCertificate(string alert) =>
        alert.Contains("certificate", StringComparison.OrdinalIgnoreCase)
        || alert.Contains("unknown ca", StringComparison.OrdinalIgnoreCase);

    private static SslServerAuthenticationOptions ServerOptions(TlsCredentials credentials, RemoteCertificateValidationCallback check) => new()
    {
        ServerCertificateContext = credentials.Context,
        ClientCertificateRequired = true,
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        RemoteCertificateValidationCallback = check,
        AllowRenegotiation = false,
    };

    private static SslClientAuthenticationOptions ClientOptions(TlsCredentials credentials, RemoteCertificateValidationCallback check) => new()
    {
        TargetHost = "", // no name is sent, as none is checked
        ClientCertificateContext = credentials.Context,
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        RemoteCertificateValidationCallback = check,
        AllowRenegotiation = false,
    };
}
