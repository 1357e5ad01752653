namespace Softswitch.Ports.Linux.Sockets;

/// <summary>Frames that pass somewhere, for one thread that reads them.</summary>
internal interface IFrameSource : IDisposable
{
    /// <summary>Hands out the frames that have passed, waiting for the first.</summary>
    /// <returns>How many there were; 0 if none came in this time.</returns>
    int Read(FrameTaker take, int patienceMilliseconds);

    /// <summary>Frames lost since the capture began because they were not read in time.</summary>
    long ReadDropped();
}
