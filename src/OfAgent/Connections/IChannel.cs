namespace Softswitch.OfAgent.Connections;

/// <summary>An open connection's bytes, whatever carries them.</summary>
/// <remarks>Threads: one reads, one at a time writes; <see cref="Abort"/> comes from any and ends both.</remarks>
internal interface IChannel : IDisposable
{
    /// <summary>Blocking reads and writes; after <see cref="Open"/>.</summary>
    Stream Stream { get; }

    /// <summary>The other end, for people.</summary>
    string Peer { get; }

    /// <summary>Where the other end is: see <see cref="PeerOrigin.Of"/>.</summary>
    string Origin { get; }

    /// <summary>Whether it took one of the last file descriptors, which others need more: see <see cref="DescriptorReserve"/>.</summary>
    bool IsOneTooMany { get; }

    /// <summary>Whether the peer has sent something that was not read yet. Any thread.</summary>
    bool HasInput { get; }

    /// <summary>Does what is left before bytes can flow: the TLS handshake, if there is to be one. Blocks.</summary>
    /// <param name="cancellation">Ends the wait for a peer that stalls.</param>
    /// <exception cref="TlsException">The peer is not trusted, does not trust us, or speaks no TLS.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    void Open(CancellationToken cancellation);

    /// <summary>Tells the peer that nothing more comes; what it sends can still be read. Not while another thread writes.</summary>
    void EndSending();

    /// <summary>Ends the connection; reads and writes that block return or fail.</summary>
    void Abort();
}
