namespace Softswitch.OfAgent.Agent;

/// <summary>An open connection's bytes, whatever carries them.</summary>
/// <remarks>Threads: one reads, one at a time writes; <see cref="Abort"/> comes from any and ends both.</remarks>
internal interface IChannel : IDisposable
{
    /// <summary>Blocking reads and writes.</summary>
    Stream Stream { get; }

    /// <summary>The other end, for people.</summary>
    string Peer { get; }

    /// <summary>Tells the peer that nothing more comes; what it sends can still be read.</summary>
    void EndSending();

    /// <summary>Ends the connection; reads and writes that block return or fail.</summary>
    void Abort();
}

/// <summary>Accepts connections at one address.</summary>
internal interface IChannelListener : IDisposable
{
    /// <summary>The TCP port it listens on, also where the system chose it.</summary>
    int Port { get; }

    /// <summary>Blocks until someone connects.</summary>
    /// <returns>Null once it was disposed.</returns>
    IChannel? Accept();
}
