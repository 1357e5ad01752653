using System.Security.Cryptography;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reloading;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;

namespace Softswitch.Hosting;

/// <summary>The certificates and keys of a switch, which are renewed under the same names. Threads: one at a time.</summary>
internal sealed class SwitchCredentials : IDisposable
{
    private readonly List<TlsCredentials> _loaded = []; // those before may be in use by connections
    private byte[] _hash;

    /// <exception cref="OptionException">A file cannot be read or is no certificate or key.</exception>
    public SwitchCredentials(SwitchOptions options)
    {
        _hash = HashOf(options.Tls);
        if (Load(options) is { } tls)
        {
            _loaded.Add(tls);
        }
    }

    /// <summary>Those that the switch was started with; null for none. This object's.</summary>
    public TlsCredentials? First => _loaded.FirstOrDefault();

    /// <returns>Null for none.</returns>
    /// <exception cref="OptionException">A file cannot be read or is no certificate or key.</exception>
    public static TlsCredentials? Load(SwitchOptions options)
    {
        try
        {
            return options.Tls is null ? null : TlsCredentials.Load(options.Tls);
        }
        catch (TlsException e)
        {
            throw new OptionException(e.Message, e);
        }
    }

    /// <summary>Has the agent use the files as they are now, as a step of a change, if their content is another.</summary>
    /// <returns>Whether it is.</returns>
    /// <exception cref="OptionException">A file cannot be read or is no certificate or key.</exception>
    public bool Renew(SwitchOptions wanted, SwitchAgent agent, Reconfiguration steps)
    {
        byte[] hash = HashOf(wanted.Tls);
        if (wanted.Tls == null || hash.AsSpan().SequenceEqual(_hash))
        {
            return false;
        }
        TlsCredentials renewed = Load(wanted)!;
        _loaded.Add(renewed);
        (byte[] oldHash, TlsCredentials? old) = (_hash, agent.Options.Tls);
        steps.Do(
            () =>
            {
                agent.UseTls(renewed);
                _hash = hash;
            },
            () =>
            {
                agent.UseTls(old);
                _hash = oldHash;
            });
        return true;
    }

    /// <summary>After the agent, whose connections use them.</summary>
    public void Dispose() => _loaded.ForEach(credentials => credentials.Dispose());

    private static byte[] HashOf(TlsFiles? files) => files == null ? [] : HashOfContent(files);

    // Apart, so that a switch without TLS does not load what hashes.
    private static byte[] HashOfContent(TlsFiles files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string path in (string[])[files.PrivateKey, files.Certificate, files.CaCertificate])
        {
            if (File.Exists(path)) // the CA of a bootstrap comes later
            {
                hash.AppendData(File.ReadAllBytes(path));
            }
            hash.AppendData("\0"u8);
        }
        return hash.GetHashAndReset();
    }
}
