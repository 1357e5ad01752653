namespace Softswitch.OfAgent.Connections;

/// <summary>The PEM files of one end of TLS connections, under the names Open vSwitch's tools give them.</summary>
/// <param name="PrivateKey"><c>--private-key</c>: our key, without a passphrase.</param>
/// <param name="Certificate"><c>--certificate</c>: our certificate, first in the file; what follows are those that lead to its CA.</param>
/// <param name="CaCertificate"><c>--ca-cert</c> or <c>--bootstrap-ca-cert</c>: who must have signed the peer's certificate.</param>
/// <param name="Bootstrap">
/// <c>--bootstrap-ca-cert</c>: while that file does not exist, the first peer's CA is believed and stored there.
/// </param>
public sealed record TlsFiles(string PrivateKey, string Certificate, string CaCertificate, bool Bootstrap = false)
{
    /// <summary>Judges the four options together.</summary>
    /// <param name="privateKey">Empty where the option is absent, as the three after it.</param>
    /// <param name="needy">A target that needs TLS; null if none does.</param>
    /// <param name="files">Null if they are not needed, or not complete.</param>
    /// <returns>What is wrong, or nothing.</returns>
    public static string Check(
        string privateKey, string certificate, string caCertificate, string bootstrapCaCertificate, ConnectionTarget? needy, out TlsFiles? files)
    {
        files = null;
        if (caCertificate.Length > 0 && bootstrapCaCertificate.Length > 0)
        {
            return "--bootstrap-ca-cert: --ca-cert is given, too; one of them says whom to trust";
        }
        string authority = caCertificate + bootstrapCaCertificate;
        if (needy is null)
        {
            return "";
        }
        string absent = privateKey.Length == 0 ? "--private-key"
            : certificate.Length == 0 ? "--certificate"
            : authority.Length == 0 ? "--ca-cert or --bootstrap-ca-cert"
            : "";
        if (absent.Length > 0)
        {
            return $"{absent}: is needed for {needy}";
        }
        files = new TlsFiles(privateKey, certificate, authority, bootstrapCaCertificate.Length > 0);
        return "";
    }
}
