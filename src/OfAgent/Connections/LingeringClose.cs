namespace Softswitch.OfAgent.Connections;

/// <summary>Lets a peer read the error that explains the end: closing with bytes unread would reset the connection under our last messages.</summary>
internal static class LingeringClose
{
    /// <summary>How long the peer may take to read and close.</summary>
    private const int Milliseconds = 1000;

    /// <summary>How much is read and thrown away meanwhile.</summary>
    private const int Bytes = 1024 * 1024;

    /// <summary>Reads until the peer closes. Blocks for a second at most.</summary>
    /// <param name="channel">Its sending has ended: see <see cref="IChannel.EndSending"/>.</param>
    /// <param name="scratch">What is read goes here and is forgotten.</param>
    public static void Drain(IChannel channel, Span<byte> scratch)
    {
        long end = Environment.TickCount64 + Milliseconds; // one deadline for all reads: a peer that sends a byte now and then must not extend it
        for (int left = Bytes; left > 0 && end - Environment.TickCount64 is > 0 and var time;)
        {
            channel.Stream.ReadTimeout = (int)time;
            int count = channel.Stream.Read(scratch);
            if (count == 0)
            {
                return;
            }
            left -= count;
        }
    }
}
