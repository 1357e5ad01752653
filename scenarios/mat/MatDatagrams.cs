using System.Net;
using System.Net.Sockets;
using Softswitch.Lab.Measures;

namespace Softswitch.Scenarios.Mat;

/// <summary>Datagrams whose checksums are hard to get right when addresses change: in fragments, and without a checksum.</summary>
internal static class MatDatagrams
{
    private const ushort Port = 4000;
    private const int LongLength = 4000;
    private const int ShortLength = 100;

    public static void Check(ScenarioRun run, MatLab lab)
    {
        using Socket? bound = lab.Mobile.Listen(ProtocolType.Udp, Port);
        using Socket sender = lab.Correspondent.Run(static () => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        Socket receiver = bound ?? sender; // a guest sends it back
        sender.Connect(new IPEndPoint(new IPAddress(MatLab.Home.Raw), Port));

        bool isWhole = Passes(run, sender, receiver, LongLength);
        run.Check("a datagram in fragments arrives whole: its checksum, in the first fragment, was changed for both translations", "1 of 1", isWhole ? "1 of 1" : "0 of 1", isWhole);

        SetNoChecksum(sender);
        WireTap tap = run.Tap(lab.Mobile, lab.Mobile.Current);
        FrameCount without = tap.Count("UDP without a checksum", (in frame) => !frame.IsOutgoing && frame.DestinationPort == Port && frame.HasNoUdpChecksum);
        bool arrives = Passes(run, sender, receiver, ShortLength);
        tap.Drain();
        run.Check("a datagram without a checksum arrives, and still without", "1 of 1", $"{without.Total} of 1", arrives && without.Total == 1);
    }

    private static bool Passes(ScenarioRun run, Socket sender, Socket receiver, int length)
    {
        byte[] sent = new byte[length];
        new Random(length).NextBytes(sent);
        sender.Send(sent);
        byte[] received = new byte[LongLength + 1];
        return receiver.Poll(ScenarioRun.Patience, SelectMode.SelectRead) && received.AsSpan(0, receiver.Receive(received)).SequenceEqual(sent);
    }

    /// <summary>SO_NO_CHECK of socket(7).</summary>
    private static void SetNoChecksum(Socket socket)
    {
        const int solSocket = 1;
        const int soNoCheck = 11;
        socket.SetRawSocketOption(solSocket, soNoCheck, BitConverter.GetBytes(1));
    }
}
