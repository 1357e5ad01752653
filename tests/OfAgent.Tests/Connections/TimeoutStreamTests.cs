using System.Threading.Tasks.Sources;

namespace Softswitch.OfAgent.Tests.Connections;

public sealed class TimeoutStreamTests
{
    [Fact]
    public void A_result_is_not_taken_before_the_stream_has_called_back()
    {
        using SlowlyCalling stream = new();
        TimeoutStream sut = new(stream);
        Assert.False(sut.Wait(TimeSpan.Zero));
        stream.Status = ValueTaskSourceStatus.Succeeded;
        Assert.False(sut.TryRead(TimeSpan.Zero, out _));
        Assert.False(stream.IsTaken);
        stream.Call();
        Assert.True(sut.TryRead(TimeSpan.Zero, out int count));
        Assert.Equal(SlowlyCalling.Count, count);
    }

    [Fact]
    public void What_is_read_does_not_wait_for_the_readers_own_context()
    {
        SynchronizationContext? old = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(new NeverRunning());
        try
        {
            using SlowlyCalling stream = new();
            TimeoutStream sut = new(stream);
            sut.Wait(TimeSpan.Zero);
            Assert.False(stream.Flags.HasFlag(ValueTaskSourceOnCompletedFlags.UseSchedulingContext));
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(old);
        }
    }

    private sealed class NeverRunning : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state)
        {
        }
    }

    /// <summary>A stream between having a result and saying so, as a pooled source is for a moment.</summary>
    private sealed class SlowlyCalling : MemoryStream, IChannel, IValueTaskSource<int>
    {
        public const int Count = 8;
        private Action<object?>? _continuation;
        private object? _state;

        public Stream Stream => this;

        public string Peer => "test";

        public string Origin => "test";

        public bool IsOneTooMany => false;

        public bool HasInput => false;

        public ValueTaskSourceStatus Status { get; set; }

        public ValueTaskSourceOnCompletedFlags Flags { get; private set; }

        public bool IsTaken { get; private set; }

        public void Call() => _continuation!(_state);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(this, 0);

        public int GetResult(short token)
        {
            IsTaken = true;
            return Count;
        }

        public ValueTaskSourceStatus GetStatus(short token) => Status;

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        {
            _continuation = continuation;
            _state = state;
            Flags = flags;
        }

        public void Open(CancellationToken cancellation)
        {
        }

        public void EndSending()
        {
        }

        public void Abort()
        {
        }
    }
}
