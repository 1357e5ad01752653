using System.Text;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Agent;

/// <summary>How far a handshake has come.</summary>
internal enum HandshakeStep
{
    /// <summary>The peer's next message decides.</summary>
    Open = 0,

    /// <summary>The peer is known to speak OpenFlow 1.0.</summary>
    Done,

    /// <summary>The peer does not speak OpenFlow 1.0.</summary>
    Refused,
}

/// <summary>Finds out whether a peer speaks OpenFlow 1.0 (§5.5.1). A HELLO may leave that open; the next message decides.</summary>
/// <remarks>Threads: those of <see cref="ControllerSession"/>.</remarks>
internal sealed class Handshake
{
    public HandshakeStep Step { get; private set; }

    /// <summary>The versions of the peer's HELLO; null before it came.</summary>
    public OfVersions? Offer { get; private set; }

    /// <summary>Why the peer was refused, for the log.</summary>
    public string Refusal { get; private set; } = "";

    /// <summary>Whether a connection can start with this header: with a HELLO or an error of any version, or with a message of ours.</summary>
    public static bool IsPlausibleStart(OfHeader header) =>
        header.Type is OfType.Hello or OfType.Error || (header.Version == OfHeader.Version10 && header.Type <= OfType.QueueGetConfigReply);

    /// <summary>Takes the next message of a handshake that is open. An error for the peer is appended to the replies.</summary>
    public void Take(ReadOnlySpan<byte> message, OfHeader header, OfBuffer replies)
    {
        if (header.Type == OfType.Error && ErrorMessage.TryDecode(message, out OfError refusal, out ReadOnlySpan<byte> data, out _)
            && refusal.Type == OfErrorType.HelloFailed)
        {
            string text = PortText.Printable(Encoding.UTF8.GetString(data[..Math.Min(data.Length, ErrorMessage.OffenderBytes * 2)]));
            Refuse($"it refused OpenFlow 1.0, which is all that this switch speaks: {refusal.Name} {text}".TrimEnd());
        }
        else if (header.Type == OfType.Hello)
        {
            Offer ??= HelloMessage.ReadVersions(message);
            if (Offer is { Include10: false } others)
            {
                RefuseVersion(header, $"{others}", replies);
            }
            else if (Offer is { IsCertain: true })
            {
                Step = HandshakeStep.Done;
            }
        }
        else if (Offer is not null && header.Version != OfHeader.Version10)
        {
            RefuseVersion(header, $"{OfVersions.NameOf(header.Version)} only", replies);
        }
        else if (!IsPlausibleStart(header))
        {
            ErrorMessage.Write(replies, header.Xid, OfError.HelloIncompatible, "an OpenFlow connection starts with OFPT_HELLO"u8);
            Refuse("what it sent first is no OpenFlow HELLO");
        }
        else
        {
            // A peer that forgot its HELLO and speaks version 1 is understood all the same.
            Step = HandshakeStep.Done;
        }
    }

    private void RefuseVersion(OfHeader header, string spoken, OfBuffer replies)
    {
        ErrorMessage.Write(replies, header.Xid, OfError.HelloIncompatible, "this switch speaks OpenFlow 1.0 (version 0x01) only"u8);
        Refuse($"it speaks {spoken}; this switch 1.0");
    }

    private void Refuse(string reason)
    {
        Refusal = reason;
        Step = HandshakeStep.Refused;
    }
}
