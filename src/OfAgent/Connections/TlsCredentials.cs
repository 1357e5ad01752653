using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Softswitch.OfAgent.Connections;

/// <summary>Our key and certificate, and whom we trust: what a chain to the CA vouches for, whatever name it bears, as in Open vSwitch.</summary>
/// <remarks>
/// There is no check of names, because controllers are configured by address, and none for revocation. Files are read once.
/// Threads: any.
/// </remarks>
public sealed class TlsCredentials : IDisposable
{
    private readonly X509Certificate2 _own;
    private readonly string _caPath;
    private readonly Lock _bootstrapping = new();
    private volatile X509Certificate2Collection? _trusted;

    private TlsCredentials(X509Certificate2 own, X509Certificate2Collection alongside, string caPath, X509Certificate2Collection? trusted)
    {
        _own = own;
        _caPath = caPath;
        _trusted = trusted;
        Context = PresentedChain.Create(own, alongside);
    }

    internal SslStreamCertificateContext Context { get; }

    /// <summary>Reads the files.</summary>
    /// <exception cref="TlsException">Each file that cannot be used is named by its option, with the reason, on a line of its own.</exception>
    public static TlsCredentials Load(TlsFiles files)
    {
        List<string> errors = [];
        string keyText = ReadText(files.PrivateKey, "--private-key", errors);
        X509Certificate2Collection own = ReadCertificates(files.Certificate, "--certificate", errors);
        X509Certificate2Collection? trusted = files.Bootstrap && !File.Exists(files.CaCertificate)
            ? null
            : ReadCertificates(files.CaCertificate, files.Bootstrap ? "--bootstrap-ca-cert" : "--ca-cert", errors);
        if (errors.Count == 0 && Join(own[0], keyText, files, errors) is X509Certificate2 joined)
        {
            own.RemoveAt(0);
            return new TlsCredentials(joined, own, files.CaCertificate, trusted);
        }
        throw new TlsException(string.Join('\n', errors));
    }

    /// <summary>Forgets the key. No connection may begin afterwards.</summary>
    public void Dispose() => _own.Dispose();

    /// <summary>Whether the peer is trusted.</summary>
    /// <param name="certificate">Its own; null if it presented none.</param>
    /// <param name="presented">What it presented besides.</param>
    /// <param name="isServer">Whether we are the server, so that its certificate must be fit for a client.</param>
    /// <param name="refusal">Why not.</param>
    internal bool Trusts(X509Certificate2? certificate, X509Certificate2Collection presented, bool isServer, out string refusal)
    {
        if (certificate is null)
        {
            refusal = "the peer presented no certificate";
            return false;
        }
        X509Certificate2Collection? trusted = _trusted;
        if (trusted is null && !TryBootstrap(certificate, presented, isServer, out trusted, out refusal))
        {
            return false;
        }
        return IsSignedBy(trusted!, certificate, presented, isServer, out refusal);
    }

    private bool IsSignedBy(
        X509Certificate2Collection trusted, X509Certificate2 certificate, X509Certificate2Collection presented, bool isServer, out string refusal)
    {
        using X509Chain chain = new();
        X509ChainPolicy policy = chain.ChainPolicy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.CustomTrustStore.AddRange(trusted);
        policy.ExtraStore.AddRange(presented);
        policy.RevocationMode = X509RevocationMode.NoCheck;
        policy.DisableCertificateDownloads = true;
        // Where a certificate says what it is for, it must be for this (RFC 5280 §4.2.1.12).
        policy.ApplicationPolicy.Add(new Oid(isServer ? "1.3.6.1.5.5.7.3.2" : "1.3.6.1.5.5.7.3.1"));
        bool isGood = chain.Build(certificate);
        refusal = isGood ? "" : Describe(certificate, chain);
        foreach (X509ChainElement element in chain.ChainElements)
        {
            element.Certificate.Dispose();
        }
        return isGood;
    }

    private string Describe(X509Certificate2 certificate, X509Chain chain)
    {
        X509ChainStatusFlags flags = X509ChainStatusFlags.NoError;
        foreach (X509ChainStatus status in chain.ChainStatus)
        {
            flags |= status.Status;
        }
        if ((flags & (X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.NotSignatureValid)) != 0)
        {
            return $"the peer's certificate is not signed by the CA in {_caPath}";
        }
        if ((flags & X509ChainStatusFlags.NotTimeValid) != 0)
        {
            return Validity(certificate) ?? "the certificate of the peer's CA is not valid now";
        }
        return $"the peer's certificate is not accepted: {flags}";
    }

    /// <summary>Trust on first use: what the peer presents as its root is stored, unless another connection was first.</summary>
    private bool TryBootstrap(
        X509Certificate2 certificate, X509Certificate2Collection presented, bool isServer, out X509Certificate2Collection? trusted, out string refusal)
    {
        lock (_bootstrapping)
        {
            trusted = _trusted;
            refusal = "";
            if (trusted is not null)
            {
                return true;
            }
            X509Certificate2? root = presented.FirstOrDefault(PresentedChain.IsRoot);
            if (root is null)
            {
                refusal = "the peer presented no CA certificate that could be stored (--bootstrap-ca-cert)";
                return false;
            }
            X509Certificate2Collection candidate = [X509CertificateLoader.LoadCertificate(root.RawData)];
            if (!IsSignedBy(candidate, certificate, presented, isServer, out refusal) || !TryStore(root, out refusal))
            {
                return false;
            }
            _trusted = trusted = candidate;
            return true;
        }
    }

    private bool TryStore(X509Certificate2 root, out string refusal)
    {
        try
        {
            using StreamWriter writer = new(_caPath, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write });
            writer.WriteLine(root.ExportCertificatePem());
            refusal = "";
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            refusal = $"--bootstrap-ca-cert: {_caPath} cannot be written: {exception.Message}";
            return false;
        }
    }

    private static X509Certificate2? Join(X509Certificate2 certificate, string keyText, TlsFiles files, List<string> errors)
    {
        if (Validity(certificate) is not null)
        {
            errors.Add($"--certificate: {files.Certificate}: {Period(certificate)}");
            return null;
        }
        try
        {
            return X509Certificate2.CreateFromPem(certificate.ExportCertificatePem(), keyText);
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            bool isKey = keyText.Contains("PRIVATE KEY-----", StringComparison.Ordinal);
            errors.Add(
                !isKey ? $"--private-key: {files.PrivateKey} holds no private key in PEM"
                : keyText.Contains("ENCRYPTED", StringComparison.Ordinal) ? $"--private-key: {files.PrivateKey} is locked by a passphrase"
                : $"--private-key: {files.PrivateKey} is damaged or does not belong to the certificate in {files.Certificate}");
            return null;
        }
    }

    private static string? Validity(X509Certificate2 certificate) => Period(certificate) is { } period ? $"the peer's certificate {period}" : null;

    private static string? Period(X509Certificate2 certificate)
    {
        DateTime now = DateTime.Now; // as the certificate's own two are given
        return now > certificate.NotAfter ? $"expired on {certificate.NotAfter:yyyy-MM-dd HH:mm}"
            : now < certificate.NotBefore ? $"is not valid before {certificate.NotBefore:yyyy-MM-dd HH:mm}"
            : null;
    }

    private static X509Certificate2Collection ReadCertificates(string path, string option, List<string> errors)
    {
        X509Certificate2Collection read = [];
        int errorsBefore = errors.Count;
        string text = ReadText(path, option, errors);
        try
        {
            read.ImportFromPem(text);
        }
        catch (CryptographicException)
        {
            read.Clear();
        }
        if (read.Count == 0 && errors.Count == errorsBefore)
        {
            errors.Add($"{option}: {path} holds no certificate in PEM");
        }
        return read;
    }

    private static string ReadText(string path, string option, List<string> errors)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            string reason = Directory.Exists(path) ? "is a folder"
                : exception is FileNotFoundException or DirectoryNotFoundException ? "no such file" : exception.Message;
            errors.Add($"{option}: {path}: {reason}");
            return "";
        }
    }
}
