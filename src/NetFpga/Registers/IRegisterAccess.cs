namespace Softswitch.NetFpga.Registers;

/// <summary>The registers of one card: 32-bit words at byte addresses, values in host order.</summary>
/// <remarks>Threads: one at a time. Disposing gives the card's transport and its lock back; the card keeps its tables.</remarks>
internal interface IRegisterAccess : IDisposable
{
    /// <summary>How the registers are reached, such as <c>ioctl on nf2c0</c>, for messages.</summary>
    string Transport { get; }

    /// <param name="address">Byte address, a multiple of 4, below <see cref="CardRegisters.AddressLimit"/>.</param>
    /// <exception cref="RegisterAccessException">The card did not answer.</exception>
    uint Read(uint address);

    /// <param name="address">As for <see cref="Read"/>.</param>
    /// <exception cref="RegisterAccessException">The card did not take it; whether the register changed is unknown.</exception>
    void Write(uint address, uint value);
}

/// <summary>A register could not be read or written; the message names the transport, the address and the system's reason.</summary>
internal sealed class RegisterAccessException : IOException
{
    public RegisterAccessException()
    {
    }

    public RegisterAccessException(string message)
        : base(message)
    {
    }

    public RegisterAccessException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
