using System.Collections.ObjectModel;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;

namespace Softswitch.OfAgent.Connections;

/// <summary>What we present in a TLS handshake: our certificate and those that follow it in its file, the root included if it is there.</summary>
/// <remarks>
/// RFC 8446 §4.4.2 lets the root be left out, and on Linux .NET always does; but a peer that bootstraps (ovs-vsctl --bootstrap set-ssl)
/// learns it from nowhere else. No public member of .NET 10 takes a finished chain, so the root is put back into the context's
/// own list. A runtime that has no such list any more leaves it out as before: everything but bootstrapping works.
/// </remarks>
internal static class PresentedChain
{
    /// <param name="own">With its private key.</param>
    /// <param name="alongside">In any order; what leads to no root of <paramref name="own"/> is not presented.</param>
    public static SslStreamCertificateContext Create(X509Certificate2 own, X509Certificate2Collection alongside)
    {
        SslStreamCertificateContext context = SslStreamCertificateContext.Create(own, alongside, offline: true);
        ReadOnlyCollection<X509Certificate2> intermediates = context.IntermediateCertificates;
        X509Certificate2 last = intermediates.Count == 0 ? own : intermediates[^1];
        if (IsRoot(last) || alongside.FirstOrDefault(candidate => IsRoot(candidate) && IsIssuer(candidate, last)) is not { } root)
        {
            return context;
        }
        try
        {
            IntermediatesOf(context) = new ReadOnlyCollection<X509Certificate2>([.. intermediates, root]);
        }
        catch (MissingFieldException)
        {
            // see above
        }
        return context;
    }

    public static bool IsRoot(X509Certificate2 certificate) => IsIssuer(certificate, certificate);

    private static bool IsIssuer(X509Certificate2 issuer, X509Certificate2 certificate) =>
        issuer.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "<IntermediateCertificates>k__BackingField")]
    private static extern ref ReadOnlyCollection<X509Certificate2> IntermediatesOf(SslStreamCertificateContext context);
}
