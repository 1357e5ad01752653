using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Softswitch.Testing;

/// <summary>A certificate authority of the test's own: its certificate and those it issues, as PEM files in a folder of their own.</summary>
internal sealed class TestCertificates : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-tls-");
    private readonly X509Certificate2 _authority;

    public TestCertificates(string name = "test CA")
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        _authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-2), DateTimeOffset.UtcNow.AddDays(2));
        File.WriteAllText(Authority, _authority.ExportCertificatePem());
    }

    /// <summary>The file with the authority's certificate.</summary>
    public string Authority => PathOf("ca.pem");

    /// <summary>A path in the folder, which goes with it.</summary>
    public string PathOf(string name) => Path.Combine(_folder.FullName, name);

    /// <summary>Issues a certificate.</summary>
    /// <param name="expired">It was valid until yesterday.</param>
    /// <param name="withAuthority">The authority's certificate follows in the same file.</param>
    /// <returns>The files with its key and with itself.</returns>
    public (string Key, string Certificate) Issue(string name, bool expired = false, bool withAuthority = false)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256);
        byte[] serial = RandomNumberGenerator.GetBytes(8);
        DateTimeOffset end = DateTimeOffset.UtcNow.AddDays(expired ? -1 : 1);
        using X509Certificate2 certificate = request.Create(_authority, DateTimeOffset.UtcNow.AddDays(-1.5), end, serial);
        (string Key, string Certificate) files = (PathOf($"{name}-key.pem"), PathOf($"{name}-cert.pem"));
        File.WriteAllText(files.Key, key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(files.Certificate, certificate.ExportCertificatePem() + "\n" + (withAuthority ? File.ReadAllText(Authority) : ""));
        return files;
    }

    public void Dispose()
    {
        _authority.Dispose();
        _folder.Delete(recursive: true);
    }
}
