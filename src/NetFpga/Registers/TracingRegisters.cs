namespace Softswitch.NetFpga.Registers;

/// <summary>Writes a line for each access that succeeded: <c>W address value</c> or <c>R address value</c>, hexadecimal.</summary>
/// <remarks>Threads: as the registers behind it. A line is in the file before the call returns; a file that cannot be written any more ends the trace, not the card.</remarks>
internal sealed class TracingRegisters : IRegisterAccess
{
    private readonly IRegisterAccess _inner;
    private readonly TextWriter _trace;
    private bool _hasFailed;

    /// <param name="inner">The registers; this one's to dispose of from now on.</param>
    /// <param name="trace">Likewise.</param>
    public TracingRegisters(IRegisterAccess inner, TextWriter trace)
    {
        _inner = inner;
        _trace = trace;
    }

    public string Transport => _inner.Transport;

    public uint Read(uint address)
    {
        uint value = _inner.Read(address);
        Write('R', address, value);
        return value;
    }

    public void Write(uint address, uint value)
    {
        _inner.Write(address, value);
        Write('W', address, value);
    }

    public void Dispose()
    {
        _inner.Dispose();
        if (!_hasFailed)
        {
            _trace.Dispose();
        }
    }

    private void Write(char kind, uint address, uint value)
    {
        if (_hasFailed)
        {
            return;
        }
        try
        {
            _trace.WriteLine($"{kind} {address:x8} {value:x8}");
            _trace.Flush();
        }
        catch (IOException)
        {
            _hasFailed = true;
        }
    }
}
